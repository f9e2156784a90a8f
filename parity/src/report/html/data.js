// SPDX-License-Identifier: GPL-2.0-or-later
// The model: what the embedded JSON says, in the form that the views want.

const raw = JSON.parse(document.getElementById('data').textContent);

const VERDICTS = raw.verdicts;
const UNTRIED = { word: 'not tried', letter: '–', about: 'no line of this command ran here', css: 'untried' };
// Every line passed, and every one of them is an error: nothing shows that the command works.
const ERRORS = { word: 'errors only', letter: 'E', about: 'every line passed, and in none of them did the command succeed', css: 'errors', at: 0 };
const ABSENT = { word: 'absent', letter: '', about: 'this QEMU does not have the command', css: 'absent' };
VERDICTS.forEach((verdict, at) => {
  verdict.at = at;
  verdict.css = verdict.word;
});

// The routes from best to worst, as the page names them.
const ROUTES = ['native', 'derived', 'local', 'partial', 'passthrough', 'refused', 'to convert', 'blocked'];

const qemus = raw.qemus.map((label, at) => {
  const dash = label.indexOf('-');
  return { at, label, release: dash < 0 ? label : label.slice(0, dash), arch: dash < 0 ? '' : label.slice(dash + 1) };
});

// A text as { part }, and where it was cut with `from` and `lines`, the bytes and lines before the
// part, and `size`, all its bytes.
function text(number) {
  const found = raw.texts[number];
  return typeof found === 'string' ? { part: found } : found;
}

const commands = raw.commands.map((command, at) => {
  const variants = command.variants;
  const main = variants[variants.length - 1] || { names: command.name, params: '', help: '', routes: [] };
  const prefix = command.name.startsWith('info ') ? 'info ' : '';
  return {
    at,
    name: command.name,
    // Lines that name no command are listed under a title of their own.
    title: command.name || 'no command',
    family: command.family,
    aliases: main.names.split('|').slice(1).map((alias) => prefix + alias),
    params: main.params,
    help: command.name ? main.help : 'lines that name no command: empty ones, unknown words, broken syntax',
    variants,
    absent: new Set(command.absent),
    entries: [],
  };
});

const entries = raw.entries.map((e, at) => {
  const [command, qemu, machine, kase, line, route, verdict, builtin, ours, note, masks, probes, succeeds, part, notes] = e;
  const entry = {
    at, qemu, machine, verdict, builtin, ours, masks, probes, succeeds, part, notes,
    command: commands[command],
    label: raw.qemus[qemu],
    kase: raw.cases[kase],
    line: text(line).part,
    note: text(note).part,
    route: raw.routes[route],
  };
  entry.command.entries.push(entry);
  return entry;
});

// The case without the QEMU in front, which recordings have there.
function setup(entry) {
  return entry.kase.startsWith(entry.label + '-') ? entry.kase.slice(entry.label.length + 1) : entry.kase;
}

// The route of an entry in the page's words; empty where the line did not get so far.
function routeOf(entry) {
  if (entry.route !== 'refused') return entry.route;
  const word = VERDICTS[entry.verdict].word;
  return word === 'pending' ? 'to convert' : word === 'blocked' ? 'blocked' : 'refused';
}

// The worst route that lines of a command took; a single refused line says little about the others.
function worstRoute(list) {
  let worst = -1;
  for (const entry of list) {
    const route = ROUTES.indexOf(routeOf(entry));
    if (ROUTES[route] !== 'refused') worst = Math.max(worst, route);
    else if (worst < 0 && list.every((e) => ['', 'refused'].includes(routeOf(e)))) worst = route;
  }
  return worst < 0 ? '' : ROUTES[worst];
}

// The matrix's columns: QEMUs, or QEMUs with each of their machines.
function makeColumns(byMachine) {
  if (!byMachine) return qemus.map((qemu) => ({ ...qemu, machine: '', qemu: qemu.at }));
  const seen = new Map();
  for (const entry of entries) seen.set(entry.qemu * raw.machines.length + entry.machine, entry);
  return [...seen.keys()].sort((a, b) => a - b).map((key, at) => {
    const { qemu, machine } = seen.get(key);
    const name = raw.machines[machine];
    return { ...qemus[qemu], at, qemu, machine: name, machineAt: machine, label: `${qemus[qemu].label} ${name}`.trim() };
  });
}

// How much of the built-in's lines the parts among these entries have; undefined where none is a part
// of anything.
function partOf(list) {
  const parts = list.filter((entry) => entry.part).map((entry) => entry.part.split(' of ').map(Number));
  const sums = parts.reduce((all, [shown, of]) => ({ shown: all.shown + shown, of: all.of + of }), { shown: 0, of: 0 });
  return sums.of ? sums : undefined;
}

// The cells of all commands for these columns: state, entries, and what it was before.
function makeCells(columns) {
  const place = new Map(columns.map((c) => [c.qemu + ':' + (c.machineAt ?? ''), c.at]));
  const byMachine = columns.some((c) => c.machineAt !== undefined);
  return commands.map((command) => {
    const row = columns.map((column) => ({ command, column, entries: [], state: UNTRIED, route: '', passed: 0 }));
    for (const entry of command.entries) {
      row[place.get(entry.qemu + ':' + (byMachine ? entry.machine : ''))].entries.push(entry);
    }
    for (const cell of row) {
      if (cell.entries.length) {
        cell.state = VERDICTS[cell.entries.reduce((worst, e) => Math.max(worst, e.verdict), 0)];
        if (cell.state.passes && command.name && !cell.entries.some((e) => e.succeeds)) cell.state = ERRORS;
        cell.route = worstRoute(cell.entries);
        cell.part = partOf(cell.entries);
        cell.passed = cell.entries.filter((e) => VERDICTS[e.verdict].passes).length;
      } else if (command.absent.has(cell.column.qemu) || !command.name) {
        cell.state = ABSENT;
      }
      if (raw.before && !byMachine) cell.was = raw.before.worst[command.name]?.[cell.column.label];
    }
    return row;
  });
}

const columnsByQemu = makeColumns(false);
const cellsByQemu = makeCells(columnsByQemu);
const machinesDiffer = raw.machines.filter(Boolean).length > 1;
let machineView;
function view(byMachine) {
  if (!byMachine) return { columns: columnsByQemu, cells: cellsByQemu };
  machineView ??= (() => {
    const columns = makeColumns(true);
    return { columns, cells: makeCells(columns) };
  })();
  return machineView;
}

// -1 where a cell got worse since the earlier report, 1 where it got better, else 0. A cell that is no longer tried got worse.
function trendOf(cell) {
  if (cell.was === undefined) return 0;
  const now = cell.entries.length ? cell.state.at : VERDICTS.length;
  return Math.sign(cell.was - now);
}

// Whether a cell counts for a command that this QEMU has.
const counts = (cell) => cell.command.name !== '' && cell.state !== ABSENT;
const tried = (cell) => cell.entries.length > 0;
const atParity = (cell) => tried(cell) && cell.state.passes;

// How often each key occurs.
function tally(list, keyOf) {
  const sums = new Map();
  for (const item of list) sums.set(keyOf(item), (sums.get(keyOf(item)) ?? 0) + 1);
  return sums;
}
