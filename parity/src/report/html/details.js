// SPDX-License-Identifier: GPL-2.0-or-later
// The second page: everything that is counted, QEMU by QEMU.

const sum = (list) => list.reduce((total, number) => total + number, 0);

// The commands that a QEMU has, by state.
function standing(column) {
  const cells = cellsByQemu.map((row) => row[column.at]).filter(counts);
  const states = tally(cells, (cell) => cell.state);
  const parity = cells.filter(atParity);
  const strict = parity.filter((cell) => ['native', 'derived'].includes(cell.route));
  return { cells, states, parity: parity.length, strict: strict.length };
}

// Commands that were right on that QEMU before; undefined where the earlier report does not have it.
const parityBefore = (label) => raw.before?.right[label];

function tile(number, change, words, href, tone) {
  return h(`a.tile${tone ? '.' + tone : ''}`, { href },
    h('span.big', null, grouped(number), change), h('span.words', null, words));
}

function tiles() {
  const own = (row) => row.filter(counts);
  const everywhere = cellsByQemu.filter((row) => own(row).some(tried) && own(row).filter(tried).every((cell) => atParity(cell) && cell.state !== ERRORS)).length;
  const all = cellsByQemu.filter((row) => own(row).some(tried)).length;
  const never = cellsByQemu.filter((row) => own(row).length && !own(row).some(tried)).length;
  const lines = (verdict) => entries.filter((e) => VERDICTS[e.verdict].word === verdict).length;
  const passing = entries.filter((e) => VERDICTS[e.verdict].passes).length;
  const before = (test) => (raw.before
    ? sum(Object.values(raw.before.lines).map((row) => sum(row.filter((_, at) => test(VERDICTS[at])))))
    : undefined);
  const changed = (now, was, better) => (was === undefined ? null : delta(now - was, better));
  const different = lines('different');
  const notRun = lines('not-run');
  return h('div.tiles', null,
    tile(everywhere, null, `of ${plural(all, 'command')} right on every QEMU where they were tried`, matrixHref({ v: '' }), 'good'),
    tile(passing, changed(passing, before((v) => v.passes), 1), `of ${plural(entries.length, 'line')} answered as the built-in does`,
      matrixHref({ v: VERDICTS.filter((v) => v.passes).map((v) => v.word).join() })),
    tile(different, changed(different, before((v) => v.word === 'different'), -1), different === 1 ? 'line is different' : 'lines are different',
      matrixHref({ v: 'different' }), different ? 'bad' : ''),
    tile(notRun, changed(notRun, before((v) => v.word === 'not-run'), -1), notRun === 1 ? 'line did not run' : 'lines did not run',
      matrixHref({ v: 'not-run' }), notRun ? 'bad' : ''),
    tile(never, null, `${never === 1 ? 'command' : 'commands'} never tried on any QEMU here`, matrixHref({ v: 'not tried' }), never ? 'warn' : ''));
}

// A bar of parts; widths are set through the object model, which the page's policy allows.
function bar(states, total) {
  const parts = [...VERDICTS, ERRORS, UNTRIED].filter((state) => states.get(state));
  return h('span.bar', { 'aria-hidden': 'true' }, parts.map((state) => {
    const part = h(`span.v-${state.css}`, { title: `${state.word}: ${states.get(state)}` });
    part.style.flexGrow = states.get(state) / total;
    return part;
  }));
}

function standings() {
  const rows = columnsByQemu.map((column) => {
    const { cells, states, parity, strict } = standing(column);
    const was = parityBefore(column.label);
    const parts = [...VERDICTS, ERRORS, UNTRIED].filter((state) => states.get(state));
    return h('li.standing', null,
      h('h3', null, column.release, h('small', null, column.arch)),
      h('p.score', null,
        h('span.big', null, String(parity), was === undefined ? null : delta(parity - was)),
        h('span.words', null, `of ${cells.filter(tried).length} tried at parity; ${strict} of them native or derived`)),
      h('div.spread', null,
        bar(states, cells.length),
        h('ul.counts', null, parts.map((state) => h('li', null,
          h('a', { href: matrixHref({ v: state.word, q: column.label }) }, badge(state, { 'aria-hidden': 'true' }),
            ` ${states.get(state)} ${state.word}`))))));
  });
  return section('QEMU by QEMU',
    'A command is at parity when every one of its lines passed and it succeeded in one of them; its worst line decides.',
    h('ul.standings', null, rows));
}

// A table with a row for each key and a column for each QEMU.
function perQemu(caption, keys, head, cellOf) {
  return h('div.scroll', { tabindex: 0, role: 'region', 'aria-label': caption }, h('table.figures', null,
    h('caption.unseen', null, caption),
    h('thead', null, h('tr', null, h('th', { scope: 'col' }, head),
      columnsByQemu.map((c) => h('th.num', { scope: 'col' }, c.release, h('small', null, c.arch))))),
    h('tbody', null, keys.map(([title, key]) => h('tr', null, h('th', { scope: 'row' }, title),
      columnsByQemu.map((column) => h('td.num', null, cellOf(key, column))))))));
}

function routes() {
  const byQemu = columnsByQemu.map((column) => {
    const cells = cellsByQemu.map((row) => row[column.at]).filter(counts);
    return tally(cells, (cell) => (tried(cell) ? cell.route || 'none' : 'untried'));
  });
  const keys = [...ROUTES, 'none', 'untried'].filter((key) => byQemu.some((sums) => sums.get(key)));
  const titles = { none: 'no route reached', untried: 'not tried' };
  return section('Routes',
    'How many commands take which route in this run. Where lines of a command take several, the worst counts.',
    perQemu('Commands by route', keys.map((key) => [titles[key] ?? key, key]), 'route', (key, column) => {
      const count = byQemu[column.at].get(key);
      if (!count) return h('span.zero', null, '0');
      return key === 'untried' || key === 'none' ? String(count)
        : h('a', { href: matrixHref({ r: key, q: column.label }) }, String(count));
    }));
}

function lineTotals() {
  const byQemu = columnsByQemu.map((column) => tally(entries.filter((e) => e.qemu === column.qemu), (e) => e.verdict));
  const seen = VERDICTS.filter((v) => byQemu.some((sums) => sums.get(v.at)) || Object.values(raw.before?.lines ?? {}).some((row) => row[v.at]));
  const better = (verdict) => (verdict.passes ? 1 : ['different', 'not-run', 'pending'].includes(verdict.word) ? -1 : 0);
  return section('Lines', 'Every line that a case holds, by verdict.',
    perQemu('Lines by verdict', seen.map((v) => [pill(v), v]), 'verdict', (verdict, column) => {
      const count = byQemu[column.at].get(verdict.at) ?? 0;
      const was = raw.before?.lines[column.label]?.[verdict.at];
      return [count ? String(count) : h('span.zero', null, '0'), was === undefined ? null : delta(count - was, better(verdict))];
    }));
}

function families() {
  const keys = raw.families.filter((family) => commands.some((c) => c.name && c.family === family));
  return section('Families', 'Commands at parity, of those that were tried.',
    perQemu('Commands at parity by family', keys.map((f) => [h('a', { href: matrixHref({ f }) }, f), f]), 'family', (family, column) => {
      const cells = cellsByQemu.map((row) => row[column.at]).filter((cell) => cell.command.family === family && counts(cell) && tried(cell));
      if (!cells.length) return h('span.zero', null, '\u2013');
      const passing = cells.filter(atParity).length;
      const meter = h('span.meter', { 'aria-hidden': 'true' }, h('span'));
      meter.firstChild.style.width = `${(100 * passing) / cells.length}%`;
      return [`${passing}/${cells.length}`, meter];
    }));
}

// Which routes commands would take on every QEMU whose schema is at hand, those that nothing ran on
// included.
function coverage() {
  if (!raw.coverage) return null;
  const { qemus: labels, commands: taken } = raw.coverage;
  const states = ['native', 'derived', 'local', 'partial', 'passthrough', 'blocked'];
  const count = (at, state) => taken.filter((command) => command.states[at] === state).length;
  return section('Coverage', 'What the schemas of recorded QEMUs promise, whatever ran: commands by the best route that each QEMU offers, with nothing allowed that could harm the VM or stop it.',
    h('div.scroll', { tabindex: 0, role: 'region', 'aria-label': 'Coverage' }, h('table.figures', null,
      h('thead', null, h('tr', null, h('th', { scope: 'col' }, 'QEMU'),
        [...states, 'commands'].map((word) => h('th.num', { scope: 'col' }, word)))),
      h('tbody', null, labels.map((label, at) => h('tr', null, h('th', { scope: 'row' }, label),
        states.map((state) => h('td.num', null, String(count(at, state)))),
        h('td.num', null, String(taken.filter((command) => command.states[at]).length))))))));
}

// Most commands listed.
const LISTED = 30;

// What somebody should look at first.
function attention() {
  const rows = cellsByQemu.filter((row) => row.some((cell) => ['different', 'not-run'].includes(cell.state.word)));
  if (!rows.length && !raw.stale.length) return null;
  return section('Needs a look', 'Commands with a line that is different or did not run, and expected differences that are no longer there.',
    h('ul.attention', null,
      rows.slice(0, LISTED).map((row) => h('li', null, commandLink(row[0].command),
        row.filter((cell) => ['different', 'not-run'].includes(cell.state.word)).map((cell) => h('a.where', {
          href: commandHref(row[0].command, { q: cell.column.label }),
          'aria-label': `${row[0].command.title} on ${cell.column.label}: ${cell.state.word}`,
        }, badge(cell.state), ' ', cell.column.label)))),
      rows.length > LISTED && h('li', null, h('a', { href: matrixHref({ v: 'different,not-run' }) },
        `and ${plural(rows.length - LISTED, 'more command')} in the matrix`)),
      raw.stale.map((line) => h('li', null, h('code', null, line), h('span.where', null, 'stale entry of known.toml')))));
}

function detailsPage() {
  const triedCommands = commands.filter((c) => c.name && c.entries.length).length;
  const all = commands.filter((c) => c.variants.length).length;
  return {
    page: [
      h('h1.unseen', { tabindex: -1 }, 'Details'),
      h('p.lead', null, `${plural(entries.length, 'line')} of ${plural(triedCommands, 'command')} (the tables have ${grouped(all)}) on ${plural(qemus.length, 'QEMU')}. `,
        'Routes that need --allow are not counted here.',
        raw.before ? ' Signed numbers are changes since the earlier report.' : '',
        raw.before && raw.before.nativeOnly !== raw.nativeOnly ? ' The earlier run had the other setting for help of the built-in.' : ''),
      tiles(), attention(), standings(), routes(), lineTotals(), h('div.families', null, families()), coverage(),
    ],
    title: 'Details',
  };
}
