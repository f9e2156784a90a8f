// SPDX-License-Identifier: GPL-2.0-or-later
// What TAB does: kinds of arguments by QEMU.

function completionPage() {
  const kinds = [...new Set(raw.completions.flatMap((of) => Object.keys(of.kinds)))].sort();
  const cell = (of, kind) => {
    const found = of.kinds[kind];
    if (!found) return h('td.num', null, h('span.zero', null, '–'));
    const [identical, all] = found;
    const others = of.others.filter((other) => other.kind === kind);
    const state = identical === all ? 'identical' : others.every((other) => other.verdict === 'known') ? 'known' : 'different';
    return h('td.num', null, h(`span.tab-cell.v-${state}`, { title: `${of.qemu}, ${kind || 'not read'}: ${identical} of ${all} identical` }, `${identical} of ${all}`));
  };
  const words = (tab) => [tab.line, ...(tab.list ?? [])].join(' ');
  const other = (of) => (one) => h('tr', null,
    h('th', { scope: 'row' }, of.qemu), h('td', null, h('code', null, JSON.stringify(one.prefix))), h('td', null, one.verdict),
    h('td', null, one.builtin.length > 0 && h('code', null, words(one.builtin[0]))), h('td', null, one.ours.length > 0 && h('code', null, words(one.ours[0]))),
    h('td', null, one.note ?? ''));
  const others = raw.completions.flatMap((of) => of.others.map(other(of)));
  return {
    page: [
      h('h1', { tabindex: -1 }, 'Completion'),
      section('By kind of argument', 'Prefixes of lines, with TAB pressed twice: the line behind it and the words listed are compared. So many of so many are identical.',
        h('div.scroll', { tabindex: 0, role: 'region', 'aria-label': 'Completion by kind of argument' }, h('table.figures', null,
          h('thead', null, h('tr', null, h('th', { scope: 'col' }, 'kind of argument'), raw.completions.map((of) => h('th.num', { scope: 'col' }, of.qemu)))),
          h('tbody', null,
            h('tr', null, h('th', { scope: 'row' }, h('strong', null, 'all')), raw.completions.map((of) => h('td.num', null, h('strong', null, `${of.identical} of ${of.all}`)))),
            kinds.map((kind) => h('tr', null, h('th', { scope: 'row' }, kind || 'not read'), raw.completions.map((of) => cell(of, kind)))))))),
      others.length > 0 && section('What is not identical', null,
        h('div.scroll', { tabindex: 0, role: 'region', 'aria-label': 'What is not identical' }, h('table.figures.text', null,
          h('thead', null, h('tr', null, ['QEMU', 'prefix', 'verdict', 'built-in', 'ours', 'because'].map((word) => h('th', { scope: 'col' }, word)))),
          h('tbody', null, others)))),
    ],
    title: 'Completion',
  };
}
