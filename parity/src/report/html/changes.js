// SPDX-License-Identifier: GPL-2.0-or-later
// What changed: since an earlier report, and from one release to a later one.

const isGone = (change) => change.entry === undefined;
const verdictNow = (change) => (isGone(change) ? undefined : entries[change.entry].verdict);
const isWorse = (change) => change.was !== undefined && (isGone(change) || verdictNow(change) > change.was);

// The changes that a test is true of, by command: those with most lines first.
function changesByCommand(test) {
  const groups = new Map();
  for (const change of raw.before.changes.filter(test)) {
    if (!groups.has(change.command)) groups.set(change.command, []);
    groups.get(change.command).push(change);
  }
  const found = [...groups].map(([name, list]) => ({
    command: commands.find((one) => one.name === name) ?? { name, title: name || 'no command' },
    list,
  }));
  return found.sort((a, b) => b.list.length - a.list.length || (a.command.name < b.command.name ? -1 : 1));
}

function changesPage() {
  const kinds = [
    ['Worse', 'bad', (c) => c.was !== undefined && !isGone(c) && verdictNow(c) > c.was],
    ['Better', 'good', (c) => c.was !== undefined && !isGone(c) && verdictNow(c) < c.was],
    ['No longer run', 'bad', isGone],
    ['New', 'plain', (c) => c.was === undefined],
  ];
  const row = (command) => (c) => h('li', null,
    h('span.step', null, c.was === undefined ? null : badge(VERDICTS[c.was]), c.was === undefined ? null : ' → ',
      isGone(c) ? 'gone' : badge(VERDICTS[verdictNow(c)])),
    h('a', { href: commandHref(command, { e: c.entry }) }, lineElement(c.line)), h('span.where', null, `${c.qemu} · ${c.case}`));
  // Long lists are made when they are opened.
  const group = (open) => ({ command, list }) => {
    const lines = h('ul.changes');
    const fill = () => lines.childElementCount || lines.append(...list.map(row(command)));
    if (open) fill();
    return h('details.group', { open, ontoggle: fill },
      h('summary', null, h('span.command', null, command.title), ` ${plural(list.length, 'line')} `,
        h('span.where', null, [...tally(list, (c) => c.qemu)].map(([label, count]) => `${label}: ${count}`).join(', '))),
      lines);
  };
  const parts = kinds.map(([title, tone, test]) => {
    const groups = changesByCommand(test);
    const count = sum(groups.map(({ list }) => list.length));
    return section(title, null,
      h('p.about', null, h(`strong.${tone}`, null, grouped(count)), count === 1 ? ' line' : ' lines', groups.length > 1 && ` of ${groups.length} commands`),
      groups.map(group(count <= 20)));
  });
  return { page: [h('h1', { tabindex: -1 }, 'Changes since the earlier report'), parts], title: 'Changes' };
}

const pairHref = (pair) => `#/hmp/${pair.from}/${pair.to}`;

function pairLinks() {
  if (!raw.pairs.length) return null;
  return section('What changed in HMP', 'From one release of QEMU to a later one.',
    h('ul.links', null, raw.pairs.map((pair) => h('li', null, h('a', { href: pairHref(pair) }, `${pair.from} → ${pair.to}`)))));
}

// What changed in the human monitor from one release to a later one, and in what is right of it.
// A release as a number: 10.2 is later than 9.1.
const releaseNumber = (release) => release.split('.').reduce((major, minor) => 1000 * major + Number(minor), 0);

function pairPage(from, to) {
  const pair = raw.pairs.find((one) => one.from === from && one.to === to);
  if (!pair) return { page: [h('h1', { tabindex: -1 }, 'No such pair of releases')], title: 'No such pair' };
  const link = (name) => {
    const command = commands.find((one) => one.name === name);
    return command ? commandLink(command) : name;
  };
  const names = (list) => (list.length ? h('ul.links', null, list.map((name) => h('li', null, link(name)))) : h('p.about', null, 'None.'));
  const [old, now] = [from, to].map((label) => columnsByQemu.find((column) => column.label === label));
  const moved = cellsByQemu.filter((row) => tried(row[old.at]) && tried(row[now.at]) && row[old.at].state !== row[now.at].state);
  const freed = raw.gaps.filter((gap) => gap.qemus.includes(from) && !gap.qemus.includes(to));
  const between = (release) => releaseNumber(release) > releaseNumber(old.release) && releaseNumber(release) <= releaseNumber(now.release);
  const deprecated = [...new Set(raw.gaps.filter((gap) => gap.deprecated && between(gap.deprecated)).flatMap((gap) => gap.frees))].sort();
  const respelled = pair.respelled.map((one) => h('tr', null, h('th', { scope: 'row' }, link(one.command)),
    h('td', null, one.what), h('td', null, h('code', null, one.was || '–')), h('td', null, h('code', null, one.is || '–'))));
  return {
    page: [
      h('h1', { tabindex: -1 }, `What changed in HMP from ${from} to ${to}`),
      section(`Commands that came (${pair.came.length})`, null, names(pair.came)),
      section(`Commands that went (${pair.went.length})`, null, names(pair.went)),
      section(`Deprecated since (${deprecated.length})`, null, names(deprecated)),
      section(`Spelled in another way (${respelled.length})`, null, respelled.length ? h('div.scroll', { tabindex: 0, role: 'region', 'aria-label': 'Spelled in another way' },
        h('table.figures.text.spelled', null, h('thead', null, h('tr', null, ['command', 'what', 'was', 'is'].map((word) => h('th', { scope: 'col' }, word)))),
          h('tbody', null, respelled))) : h('p.about', null, 'None.')),
      section(`QMP interfaces that came for them (${freed.length})`, null, freed.length
        ? h('ul.links', null, freed.map((gap) => h('li', null, gapLink(gap)))) : h('p.about', null, 'None.')),
      section(`Answers of another verdict (${moved.length})`, 'The worst line of each command on both.', moved.length
        ? h('ul.attention', null, moved.map((row) => h('li', null, commandLink(row[0].command),
          h('span.where', null, badge(row[old.at].state), ' → ', badge(row[now.at].state), ` ${row[old.at].state.word} → ${row[now.at].state.word}`)))) : h('p.about', null, 'None.')),
    ],
    title: `HMP from ${from} to ${to}`,
  };
}
