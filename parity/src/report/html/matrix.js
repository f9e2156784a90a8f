// SPDX-License-Identifier: GPL-2.0-or-later
// The matrix: commands by QEMU, the worst line of each command in colour and letter.

// The filter, as the address has it: verdicts, routes, QEMUs, family, text, columns, order,
// changes.
const NO_FILTER = { v: '', r: '', q: '', f: '', s: '', by: '', sort: '', changed: '' };
let filter = { ...NO_FILTER };
let lastCell = null;

const matrixHref = (parameters) => '#/matrix' + query({ ...NO_FILTER, ...parameters });
const listed = (words) => new Set(words ? words.split(',') : []);

function matches(command, words) {
  command.haystack ??= [
    command.title, ...command.aliases, command.family, command.help, command.params,
    ...command.variants.flatMap((v) => v.routes.flatMap((r) => [...r.needs, r.missing ?? ''])),
  ].join('\n').toLowerCase();
  return words.every((word) => command.haystack.includes(word));
}

function matrixPage(parameters) {
  filter = { ...NO_FILTER, ...parameters };
  const byMachine = filter.by === 'machine' && machinesDiffer;
  const { columns: allColumns, cells } = view(byMachine);
  const status = h('output.status');
  const grid = h('div.matrix', { role: 'grid', 'aria-label': 'Commands by QEMU', 'aria-readonly': 'true' });
  const readout = h('p.readout', { 'aria-hidden': 'true' }, '\u00a0');
  const isRow = (row) => row?.classList.contains('row');
  const keys = gridKeys(grid, isRow);
  let made = [];

  const shownColumns = () => {
    const wanted = listed(filter.q);
    return wanted.size ? allColumns.filter((c) => wanted.has(qemus[c.qemu].label)) : allColumns;
  };

  const describe = (cell) => {
    const trend = trendOf(cell);
    return [
      cell.command.title, `${cell.column.label}: ${cell.state.word}`,
      tried(cell) && `${cell.passed} of ${plural(cell.entries.length, 'line')} passed`,
      cell.part && `shows ${cell.part.shown} of ${plural(cell.part.of, 'line')}`,
      cell.route,
      trend && `${trend > 0 ? 'better' : 'worse'} than before (${VERDICTS[cell.was].word})`,
    ].filter(Boolean).join(', ');
  };

  const cellElement = (cell) => {
    const trend = trendOf(cell);
    const element = h(`a.cell.v-${cell.state.css}${trend > 0 ? '.up' : trend < 0 ? '.down' : ''}`, {
      role: 'gridcell',
      tabindex: -1,
      href: commandHref(cell.command, { q: qemus[cell.column.qemu].label, m: cell.column.machine }),
      'aria-label': describe(cell),
    }, cell.state.letter, cell.part && cell.state.word === 'partial' && h('small', null, `${cell.part.shown} of ${cell.part.of}`));
    element.cell = cell;
    return element;
  };

  // Rows are built once for a set of columns and an order; filters hide them.
  const build = () => {
    const columns = shownColumns();
    grid.style.setProperty('--columns', columns.length);
    grid.setAttribute('aria-colcount', columns.length + 1);
    const head = h('div.head', { role: 'row' }, h('span.name', { role: 'columnheader' }, 'command'),
      columns.map((c) => h('span.column', { role: 'columnheader', title: c.label },
        c.release, h('small', null, c.arch), c.machine && h('small', null, c.machine))));
    const order = [...cells].sort(comparison(columns));
    made = [];
    let family;
    const parts = [];
    for (const row of order) {
      const command = row[0].command;
      if (!filter.sort && command.family !== family) {
        family = command.family;
        parts.push(h('div.family', { role: 'row' }, h('span', { role: 'gridcell' }, family)));
      }
      const shown = columns.map((c) => row[c.at]);
      const element = h('div.row', { role: 'row' },
        h('a.name', { role: 'rowheader', tabindex: -1, href: commandHref(command) },
          h('span.command', null, command.title), h('span.help', null, command.help)),
        shown.map(cellElement));
      made.push({ command, cells: shown, element });
      parts.push(element);
    }
    grid.replaceChildren(head, ...parts);
    apply();
  };

  const comparison = (columns) => {
    const worst = cells.map((row) => Math.max(...columns.map((c) => row[c.at].state.at ?? -1)));
    const place = new Map(raw.families.map((family, at) => [family, at]));
    return ([{ command: a }], [{ command: b }]) => (filter.sort === 'worst' ? worst[b.at] - worst[a.at] : 0)
      || (filter.sort ? 0 : place.get(a.family) - place.get(b.family))
      || (a.name < b.name ? -1 : 1);
  };

  const apply = () => {
    const verdicts = listed(filter.v);
    const routesWanted = listed(filter.r);
    const words = filter.s.toLowerCase().split(/\s+/).filter(Boolean);
    const fits = (cell) => (!verdicts.size || verdicts.has(cell.state.word))
      && (!routesWanted.size || routesWanted.has(cell.route))
      && (!filter.changed || trendOf(cell) !== 0);
    const selective = verdicts.size || routesWanted.size || filter.changed;
    let shown = 0;
    for (const { command, cells: own, element } of made) {
      const hit = matches(command, words) && (!filter.f || command.family === filter.f) && (!selective || own.some(fits));
      element.hidden = !hit;
      shown += hit;
      if (hit) for (const cell of element.children) cell.classList.toggle('dim', Boolean(selective && cell.cell && !fits(cell.cell)));
    }
    for (const title of grid.querySelectorAll('.family')) {
      let next = title.nextElementSibling;
      while (next && next.hidden) next = next.nextElementSibling;
      title.hidden = !isRow(next);
    }
    status.textContent = shown === made.length ? plural(shown, 'command') : `${shown} of ${plural(made.length, 'command')}`;
    const row = keys.current()?.parentElement;
    if (!row?.isConnected || row.hidden) keys.take(made.find((m) => !m.element.hidden)?.element.firstChild ?? null);
    reset.hidden = Object.keys(NO_FILTER).every((key) => filter[key] === '' || key === 'by' || key === 'sort');
  };

  const change = (part, rebuild) => {
    Object.assign(filter, part);
    history.replaceState(null, '', matrixHref(filter));
    if (rebuild) build();
    else apply();
  };

  // A filter of words that can be switched one by one.
  const switches = (key, words, labelOf, rebuild) => words.map((word) => toggle(labelOf(word), listed(filter[key]).has(word), (on) => {
    const set = listed(filter[key]);
    if (on) set.add(word);
    else set.delete(word);
    change({ [key]: [...set].join() }, rebuild);
  }, { 'data-word': word }));

  const states = tally(cells.flat().filter((c) => c.state !== ABSENT), (c) => c.state);
  const search = h('input', {
    type: 'search', value: filter.s, placeholder: 'name, help, QMP command', 'aria-keyshortcuts': '/', id: 'search',
    oninput: () => change({ s: search.value }),
  });
  const reset = h('button.quiet', {
    type: 'button', onclick: () => show('#/matrix' + query({ by: filter.by, sort: filter.sort }), true),
  }, 'clear filters');
  const filters = h('form.filters', { role: 'search', 'aria-label': 'Filters', onsubmit: (event) => event.preventDefault() },
    h('div.line', null,
      h('label.field', null, h('span', null, 'Search'), search),
      select('Family', [['', 'all'], ...raw.families.map((f) => [f, f])], filter.f, (f) => change({ f })),
      select('Order', [['', 'family'], ['name', 'name'], ['worst', 'worst first']], filter.sort, (sort) => change({ sort }, true)),
      machinesDiffer && select('Columns', [['', 'QEMU'], ['machine', 'QEMU and machine']], filter.by,
        (by) => show('#/matrix' + query({ ...filter, by }), true)),
      raw.before && toggle('changed', Boolean(filter.changed), (on) => change({ changed: on ? '1' : '' }))),
    h('fieldset.line', null, h('legend', null, 'Verdict'),
      switches('v', [...VERDICTS, ERRORS, UNTRIED].filter((s) => states.get(s)).map((s) => s.word), (word) => {
        const state = [...VERDICTS, ERRORS, UNTRIED].find((s) => s.word === word);
        return [badge(state, { 'aria-hidden': 'true' }), word, h('small', null, states.get(state))];
      })),
    qemus.length > 1 && h('fieldset.line', null, h('legend', null, 'QEMU'), switches('q', raw.qemus, (label) => label, true)),
    filter.r && h('fieldset.line', null, h('legend', null, 'Route'), switches('r', filter.r.split(','), (word) => word)));

  const point = (event) => {
    const cell = event.target.closest?.('.cell')?.cell;
    const name = event.target.closest?.('a.name');
    readout.textContent = cell ? describe(cell) : name ? name.textContent : '\u00a0';
  };
  grid.addEventListener('pointerover', point);
  grid.addEventListener('focusin', point);
  grid.addEventListener('click', (event) => {
    const cell = event.target.closest('a')?.cell;
    const row = event.target.closest('.row');
    const found = row && made.find((m) => m.element === row);
    if (found) lastCell = { command: found.command.at, label: cell?.column.label };
  });

  build();
  const page = [
    h('h1.unseen', { tabindex: -1 }, 'Matrix'),
    h('details.filterbox', { open: !narrow.matches }, h('summary', null, 'Filters'), filters),
    h('div.bar-line', null, status, reset, readout, legend()),
    grid,
  ];
  // Back from a command's page, the reader goes on where they were.
  const back = () => {
    const found = lastCell && made.find((m) => m.command.at === lastCell.command);
    if (!found || found.element.hidden) return false;
    const stop = [...found.element.children].find((child) => child.cell?.column.label === lastCell.label) ?? found.element.firstChild;
    keys.go(stop);
    stop.scrollIntoView({ block: 'center' });
    return true;
  };
  return { page, className: 'wide', back };
}

function legend() {
  return h('details.legend', null, h('summary', null, 'Letters and keys'),
    h('dl', null, [...VERDICTS, ERRORS, UNTRIED, ABSENT].map((state) => [h('dt', null, badge(state), ' ', state.word), h('dd', null, state.about)])),
    h('p', null, 'Arrow keys move in the matrix, Home, End, Page Up and Page Down too; Enter opens a cell, Escape comes back, ',
      h('kbd', null, '/'), ' goes to the search. The worst line of a command decides its letter.'));
}
