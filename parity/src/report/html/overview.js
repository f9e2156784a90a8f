// SPDX-License-Identifier: GPL-2.0-or-later
// The first page: what is right where it was tried, what is not tried, how far each QEMU is from
// losing nothing without the built-in monitor, what regressed, and what to add first.

const qemuHref = (label) => '#/q/' + encodeURIComponent(label);

// States of lines of which a user without the built-in monitor loses something.
const LOST = ['partial', 'blocked', 'pending', 'different', 'not-run'];

// Whether a command loses something on a QEMU without the built-in monitor, as its lines showed or
// as the QEMU's schema says.
function isLost(cell) {
  if (tried(cell) && LOST.includes(cell.state.word)) return true;
  const at = raw.coverage?.qemus.indexOf(cell.column.label) ?? -1;
  const taken = at < 0 ? undefined : raw.coverage.commands.find((c) => c.name === cell.command.name);
  return ['partial', 'blocked', 'passthrough'].includes(taken?.states[at]);
}

// How many commands are blocked on a QEMU, and how many of them whatever the user allows, as its
// schema says; none where the report does not have it.
function blockedOn(label) {
  const at = raw.coverage?.qemus.indexOf(label) ?? -1;
  if (at < 0) return null;
  const blocked = raw.coverage.commands.filter((c) => c.states[at] === 'blocked');
  return { all: blocked.length, allowed: blocked.filter((c) => !c.allowed?.[at]).length };
}

// The commands of a QEMU in the groups of the first page.
function groupsOf(column) {
  const cells = cellsByQemu.map((row) => row[column.at]).filter(counts);
  return {
    all: cells,
    tried: cells.filter(tried),
    right: cells.filter((cell) => atParity(cell) && cell.state !== ERRORS),
    errors: cells.filter((cell) => cell.state === ERRORS),
    untried: cells.filter((cell) => !tried(cell)),
    lost: cells.filter(isLost),
  };
}

// How many of the tried commands were right in each run of the history, oldest first.
function trendOfQemu(label) {
  const runs = raw.history.filter((run) => run.qemus[label]).slice(-12);
  if (!runs.length) return h('span.zero', null, '–');
  const bars = runs.map((run) => {
    const { right, tried: all } = run.qemus[label];
    const bar = h('span', { title: `${run.date} ${run.revision}: ${right} of ${all} right` });
    bar.style.height = `${all ? Math.max(6, (100 * right) / all) : 6}%`;
    return bar;
  });
  const { right: first, tried: of } = runs[0].qemus[label];
  const { right: last, tried: all } = runs[runs.length - 1].qemus[label];
  const change = Math.round((100 * last) / (all || 1)) - Math.round((100 * first) / (of || 1));
  const words = runs.length === 1 ? 'first run' : change === 0 ? 'level' : `${change > 0 ? '+' : '−'}${Math.abs(change)} points`;
  return h('span.trend', null, h('span.spark', { role: 'img', 'aria-label': `${plural(runs.length, 'run')}, ${words}` }, bars), h('small', null, words));
}

function standingTable() {
  const rows = columnsByQemu.map((column) => {
    const groups = groupsOf(column);
    const blocked = blockedOn(column.label);
    const link = (list, words) => h('a', { href: qemuHref(column.label), 'aria-label': `${words} on ${column.label}` }, grouped(list.length));
    const meter = h('span.meter', { 'aria-hidden': 'true' }, h('span'));
    meter.firstChild.style.width = `${(100 * groups.right.length) / (groups.tried.length || 1)}%`;
    return h('tr', null,
      h('th', { scope: 'row' }, h('a', { href: qemuHref(column.label) }, h('strong', null, column.release), ' ', column.arch)),
      h('td.build', null, (raw.builds[column.label] ?? []).join(', ') || '–'),
      h('td.num', null, meter, `${groups.right.length} of ${groups.tried.length}`),
      h('td.num', null, groups.errors.length ? link(groups.errors, 'right in errors only') : h('span.zero', null, '0')),
      h('td.num', null, groups.untried.length ? link(groups.untried, 'not tried') : h('span.zero', null, '0')),
      h('td.num', null, groups.lost.length ? link(groups.lost, 'lost without HMP') : h('span.zero', null, '0'), ` of ${groups.all.length}`),
      h('td.num.blocked', null, blocked ? `${blocked.all}, ${blocked.allowed} with --allow` : h('span.zero', null, '–')),
      h('td', null, trendOfQemu(column.label)));
  });
  const heads = [['QEMU', ''], ['build', ''], ['right, where tried', 'num'], ['errors only', 'num'], ['not tried', 'num'], ['lost without HMP', 'num'], ['blocked', 'num'], ['trend', '']];
  return section('Where each QEMU is',
    'Right: every line was answered as the built-in monitor does, and the command succeeded in one. Lost without HMP: commands of which users of a QEMU without it would miss something; 0 is the aim. Blocked: QMP has nothing for these at all, without --allow and with it.',
    h('div.scroll', { tabindex: 0, role: 'region', 'aria-label': 'Where each QEMU is' }, h('table.figures.standing-table', null,
      h('thead', null, h('tr', null, heads.map(([word, css]) => h('th' + (css && '.' + css), { scope: 'col' }, word)))),
      h('tbody', null, rows))));
}

// Most commands listed on the first page.
const REGRESSED = 8;

function regressed() {
  if (!raw.before) return section('Regressed', null, h('p.about', null, 'There is no earlier report to compare with (--before).'));
  const groups = changesByCommand((change) => isWorse(change));
  const rest = groups.length - REGRESSED;
  return section('Regressed', 'Since the earlier report, by command.',
    groups.length ? h('ul.regressed', null, groups.slice(0, REGRESSED).map(({ command, list }) => h('li', null,
      h('strong', null, commandLink(command)), ` ${plural(list.length, 'line')} `,
      h('span.where', null, [...new Set(list.map((c) => c.qemu))].join(', '))))) : h('p.good', null, 'Nothing regressed.'),
    h('p', null, h('a', { href: '#/changes' }, rest > 0 ? `and ${plural(rest, 'more command')}; all changes` : 'all changes')));
}

function missing() {
  const open = raw.gaps.filter((gap) => !gap.merged && !gap.deprecated);
  if (!raw.gaps.length) return null;
  const rest = raw.gaps.length - Math.min(FIRST, open.length);
  return section('Add these first', 'The QMP interfaces that QEMU lacks, of most use on top.',
    h('ol.firsts', null, open.slice(0, FIRST).map((gap) => h('li', null,
      h('strong', null, gapLink(gap)), ' for ', gapCommands(gap),
      h('span.about', null, [gap.scripts && `no. ${gap.scripts} in public scripts`, `${plural(gap.lines, 'line')} freed`].filter(Boolean).join(', '), todayOf(gap).length ? '; in part today with --allow' : null)))),
    rest > 0 && h('p', null, h('a', { href: '#/gaps' }, `and ${plural(rest, 'more interface')}, each with a definition to paste`)));
}

// The most interfaces listed on the first page.
const FIRST = 5;

function overviewPage() {
  const about = [
    raw.date, raw.revision && `revision ${raw.revision}`,
    raw.nativeOnly ? 'without help of the built-in monitor' : 'with help of the built-in monitor where our own code is not there',
    `${plural(entries.length, 'line')} on ${plural(qemus.length, 'QEMU')}`,
  ].filter(Boolean);
  return [
    h('h1.unseen', { tabindex: -1 }, 'Overview'),
    h('p.lead.about', null, about.join(' · ')),
    standingTable(),
    h('div.columns', null, regressed(), missing()),
    pairLinks(),
  ];
}

// One QEMU: what is lost there, what is not tried, and what rests on errors.
function qemuPage(label) {
  const column = columnsByQemu.find((c) => c.label === label);
  if (!column) return { page: [h('h1', { tabindex: -1 }, 'No such QEMU'), h('p.about', null, `The report does not have “${label}”.`)], title: 'No such QEMU' };
  const groups = groupsOf(column);
  const wanting = (cell) => raw.gaps.filter((gap) => gap.qemus.includes(label)
    && (gap.frees.includes(cell.command.name) || gap.partly.some((part) => part.command === cell.command.name)));
  const leave = (cell) => [...new Set(raw.gaps.flatMap((gap) => gap.today ?? [])
    .filter((today) => LOST.includes(cell.state.word) && today.command === cell.command.name && (!today.targets.length || today.targets.includes(column.arch)))
    .map((today) => today.allow))];
  const row = (cell) => h('li', null,
    badge(cell.state, { 'aria-hidden': 'true' }), ' ',
    commandLink(cell.command, { q: label }), cell.part && h('span.where', null, `shows ${cell.part.shown} of ${cell.part.of} lines`),
    ['different', 'not-run'].includes(cell.state.word) && h('span.where', null, cell.state.word),
    tried(cell) && atParity(cell) && groups.lost.includes(cell) && h('span.where', null, 'right where it was tried, and not all of it was'),
    wanting(cell).map((gap) => h('span.where', null, 'needs ', gapLink(gap), gap.merged ? ` (QEMU has it from ${gap.merged} on)` : gap.deprecated && ` (deprecated from ${gap.deprecated} on)`)),
    leave(cell).map((word) => h('span.where', null, `works today with --allow ${word}`)),
    tried(cell) ? null : h('span.where', null, 'not tried'));
  const list = (title, about, cells) => section(`${title} (${cells.length})`, about,
    cells.length ? h('ul.attention', null, cells.map(row)) : h('p.good', null, 'None.'));
  const builds = raw.builds[label] ?? [];
  return {
    page: [
      h('h1', { tabindex: -1 }, `QEMU ${column.release} ${column.arch}`),
      h('p.about', null, builds.length ? `Build ${builds.join(', ')}. ` : '',
        `${groups.right.length} of the ${plural(groups.tried.length, 'command')} tried are right. `,
        h('a', { href: matrixHref({ q: label }) }, 'Matrix of this QEMU')),
      list('Lost without HMP', 'Users of this QEMU without its built-in monitor would miss all or part of these.', groups.lost),
      list('Right in errors only', 'Every line passed, and in none did the command succeed.', groups.errors),
      list('Not tried', 'No line of these ran on this QEMU.', groups.untried),
    ],
    title: `QEMU ${column.release} ${column.arch}`,
  };
}
