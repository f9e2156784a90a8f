// SPDX-License-Identifier: GPL-2.0-or-later
// The page of one command: how it is carried out, what is in its way, and every line with both
// answers.

const SIDES = ['built-in monitor', 'hmp'];

function fact(title, ...content) {
  return h('section.fact', { 'aria-label': title }, h('h2', null, title), ...content);
}

function routeFacts(command) {
  const risk = { pausing: 'stops the VM for a moment', risky: 'could harm the VM' };
  return command.variants.map((variant) => fact(command.variants.length > 1 ? `Routes (${variant.present || 'else'})` : 'Routes',
    h('ol.routes', null, variant.routes.map((route) => h('li', null,
      h('strong', null, route.way),
      route.missing && [': QMP lacks ', h('code', null, route.missing)],
      route.needs.length > 0 && [' with ', route.needs.map((need, at) => [at > 0 && ', ', h('code', null, need)])],
      risk[route.risk] && h('em', null, ` \u2013 ${risk[route.risk]}`)))),
    command.variants.length === 1 && variant.present && h('p.about', null, `QEMU has it ${variant.present}.`),
    variant.preconfig && h('p.about', null, 'Allowed before the machine is initialised (--preconfig).')));
}

// What the schemas of recorded QEMUs promise: the route on each, and since when QMP has what it
// needs.
function coverageFacts(command) {
  const taken = raw.coverage?.commands.find((c) => c.name === command.name);
  if (!taken) return null;
  const byState = new Map();
  taken.states.forEach((state, at) => {
    const word = state ?? 'absent';
    byState.set(word, [...(byState.get(word) ?? []), raw.coverage.qemus[at]]);
  });
  const since = (name) => raw.coverage.qmp[name]?.since;
  return fact('On every QEMU whose schema is at hand',
    h('ul', null, [...byState].map(([state, labels]) => h('li', null, h('strong', null, state), ` on ${labels.join(', ')}`))),
    taken.needs.length === 0 ? null : h('p.about', null, 'QMP has ',
      taken.needs.map((name, at) => [at > 0 && ', ', h('code', null, name), since(name) ? ` since ${since(name)}` : null]), '.'));
}

function missingFacts(command) {
  const found = raw.gaps.filter((gap) => gap.frees.includes(command.name) || gap.partly.some((part) => part.command === command.name));
  return found.map((gap) => fact('Missing interface',
    h('p', null, gapLink(gap), ` \u2013 ${gap.why}.`),
    gap.partly.filter((part) => part.command === command.name).map((part) => h('p.about', null, `For a part: ${part.what}.`)),
    todayOf(gap).filter((today) => today.command === command.name).map((today) => h('p.about', null, today.words))));
}

function hazardFacts(command) {
  const needs = new Set(command.variants.flatMap((v) => v.routes.flatMap((r) => r.needs)));
  const found = raw.dangers.filter((d) => (d.kind === 'line' ? d.at === command.name : needs.has(d.at)));
  if (!found.length) return null;
  return fact('Hazards', h('ul', null, found.map((d) => h('li.hazard', null,
    h('p', null, h('code', null, d.at), d.kind === 'qmp' && ' (QMP)', ` ${d.harm}`, d.releases && `, ${d.releases}`, '.'),
    h('p.about', null, `Seen: ${d.seen}. `, d.certain ? 'Always refused.' : 'Refused unless --allow risky is given.')))));
}

// The lines of a command: one for each place in a case, with the entries of all columns.
function linesOfCommand(command, columns) {
  const rows = new Map();
  const seen = new Map();
  for (const entry of command.entries) {
    const base = [setup(entry), entry.line].join('\n');
    const own = [entry.qemu, entry.machine, base].join('\n');
    const times = (seen.get(own) ?? 0) + 1;
    seen.set(own, times);
    const key = base + '\n' + times;
    if (!rows.has(key)) rows.set(key, { line: entry.line, setup: setup(entry), times, entries: columns.map(() => []) });
    rows.get(key).entries[entry.qemu].push(entry);
  }
  return [...rows.values()];
}

function commandPage(command, parameters) {
  const columns = columnsByQemu;
  const rows = linesOfCommand(command, columns);
  const onlyBad = parameters.only === '1';
  const list = h('div.lines');
  list.style.setProperty('--columns', columns.length);
  const isRow = (row) => row?.classList.contains('row');
  const keys = gridKeys(list, isRow);
  let open = null;

  const close = () => {
    if (!open) return;
    open.detail.remove();
    open.button.setAttribute('aria-expanded', 'false');
    open = null;
  };
  const expand = (row, column, entry, button) => {
    const again = open?.button === button;
    close();
    if (again) {
      history.replaceState(null, '', commandHref(command, { only: onlyBad }));
      return;
    }
    const detail = h('div.detail', { id: 'detail' });
    const draw = (shown) => {
      // What was pressed is drawn anew; the focus stays on it.
      const focused = [...detail.querySelectorAll('button')].indexOf(document.activeElement);
      detail.replaceChildren(...entryView(shown, row.entries.flat(), draw, () => draw(shown)));
      if (focused >= 0) detail.querySelectorAll('button')[focused]?.focus();
      history.replaceState(null, '', commandHref(command, { e: shown.at, only: onlyBad }));
    };
    draw(entry);
    row.element.after(detail);
    button.setAttribute('aria-expanded', 'true');
    open = { button, detail };
  };

  const head = h('div.head', null, h('span.name', null, plural(rows.length, 'line')),
    columns.map((c) => h('span.column', { title: c.label }, c.release, h('small', null, c.arch))));
  list.append(head);
  for (const row of rows) {
    const all = row.entries.flat();
    if (onlyBad && all.every((e) => VERDICTS[e.verdict].passes)) continue;
    row.buttons = columns.map((column) => {
      const here = row.entries[column.at];
      if (!here.length) return h('span.cell.v-absent');
      const worst = here.reduce((a, b) => (b.verdict > a.verdict ? b : a));
      const state = VERDICTS[worst.verdict];
      const button = h(`button.cell.v-${state.css}`, {
        type: 'button', tabindex: -1, 'aria-expanded': 'false', title: `${column.label}: ${state.word}`,
        'aria-label': `${row.line || 'empty line'} on ${column.label}: ${state.word}`,
        onclick: () => expand(row, column, worst, button),
      }, state.letter);
      button.entry = worst;
      return button;
    });
    const code = lineElement(row.line);
    row.element = h('div.row', null,
      h('span.name', { onclick: () => row.buttons.find((b) => b.entry)?.click() }, code, row.times > 1 && h('small', { title: 'a line that its case has several times' }, `#${row.times}`), h('small.setup', null, row.setup)),
      row.buttons);
    list.append(row.element);
  }

  // What the address asks for: an entry, or the worst line on a QEMU.
  const wanted = () => {
    if (parameters.e !== undefined) return entries[Number(parameters.e)];
    const here = command.entries.filter((e) => e.label === parameters.q && (!parameters.m || raw.machines[e.machine] === parameters.m));
    return here.reduce((a, b) => (!a || b.verdict > a.verdict ? b : a), null);
  };
  const entry = wanted();
  const row = entry?.command === command && rows.find((r) => r.element && r.entries.flat().includes(entry));
  if (row) {
    const button = row.buttons[entry.qemu];
    expand(row, columns[entry.qemu], entry, button);
    keys.take(button);
  } else keys.take(list.querySelector('button'));

  const named = commands.filter((c) => c.entries.length);
  const at = named.indexOf(command);
  const beside = (other, words) => other && h('a', { href: commandHref(other) }, words(other.title));
  const bad = rows.filter((r) => r.entries.flat().some((e) => !VERDICTS[e.verdict].passes)).length;
  const page = [
    h('nav.crumbs', { 'aria-label': 'Commands' },
      h('a', { href: matrixHref(filter) }, '\u2190 matrix'),
      h('span'),
      beside(named[at - 1], (t) => `\u2039 ${t}`), beside(named[at + 1], (t) => `${t} \u203a`)),
    h('header.title', null,
      h('h1', { tabindex: -1 }, h('span.command', null, command.title), ' ', h('span.params', null, command.params)),
      h('p.about', null, [command.help, command.aliases.length > 0 && `also ${command.aliases.join(', ')}`, command.family].filter(Boolean).join(' \u00b7 '))),
    h('div.facts', null, routeFacts(command), coverageFacts(command), missingFacts(command), hazardFacts(command)),
    h('section', { 'aria-labelledby': 'lines' },
      h('div.bar-line', null, h('h2', { id: 'lines' }, 'Lines'),
        bad > 0 && bad < rows.length && toggle(`only the ${bad} not passed`, onlyBad, (on) => show(commandHref(command, { only: on }), true))),
      rows.length ? list : h('p.about', null, 'No line of this command ran.')),
  ];
  return { page, className: '', title: command.title, focus: row && row.buttons[entry.qemu] };
}

// One entry: verdict, circumstances, both answers, probes. `others` are the same line elsewhere;
// `draw` shows one of them.
function entryView(entry, others, draw, redraw) {
  const state = VERDICTS[entry.verdict];
  const [a, b] = [text(entry.builtin), text(entry.ours)];
  const label = (e) => (others.filter((o) => o.qemu === e.qemu).length > 1 ? `${e.label} ${raw.machines[e.machine]}` : e.label);
  const tabs = others.length > 1 && h('div.tabs', { role: 'group', 'aria-label': 'The same line on other QEMUs' },
    others.map((other) => h('button.chip', {
      type: 'button', 'aria-pressed': String(other === entry), onclick: () => draw(other),
    }, badge(VERDICTS[other.verdict], { 'aria-hidden': 'true' }), label(other))));
  const masks = entry.masks.map((name) => {
    const mask = raw.masks.find((m) => m.name === name && m.command === entry.command.name) ?? raw.masks.find((m) => m.name === name);
    return h('li', null, h('strong', null, name), mask && `: ${mask.reason}`);
  });
  const volatile = state.word === 'volatile' && raw.masks.find((m) => m.name === 'volatile' && m.command === entry.command.name);
  const facts = [
    ['verdict', [pill(state), h('span.about', null, ` \u2013 ${state.about}`, volatile && ` (${volatile.reason})`)]],
    entry.note && ['note', entry.note],
    entry.part && ['shown', `${entry.part} lines`],
    entry.notes.length > 0 && ['it says', h('ul', null, entry.notes.map((note) => h('li', null, note)))],
    routeOf(entry) && ['route', routeOf(entry)],
    ['case', entry.kase + (raw.machines[entry.machine] ? ` (${raw.machines[entry.machine]})` : '')],
    masks.length > 0 && ['masked', h('ul', null, masks)],
  ].filter(Boolean);
  const ownAnswer = !['pending', 'blocked', 'refused', 'not-run'].includes(state.word);
  const same = entry.builtin === entry.ours;
  let answers;
  if (same) answers = textView(a, `${SIDES[0]} and ${SIDES[1]} alike`);
  else if (ownAnswer) answers = diffView(a, b, SIDES);
  else answers = h('div.pair', null, textView(b, `${SIDES[1]}, for now`), textView(a, `${SIDES[0]}: the answer to give`));
  const probes = entry.probes.map(([name, alike, x, y]) => h('details.probe', { open: !alike },
    h('summary', null, h(`span.probe-state.${alike ? 'good' : 'bad'}`, null, alike ? 'alike' : 'differs'), ' ', h('code', null, probeName(text(name).part))),
    x === y ? textView(text(x), 'both VMs') : diffView(text(x), text(y), ['the built-in\u2019s VM', 'our VM'])));
  const option = (words, key) => toggle(words, look[key], (on) => {
    look[key] = on;
    memory.set(key, on ? '1' : '');
    redraw();
  });
  return [
    h('div.bar-line', null, tabs, h('span.gap'), option('whitespace', 'marks'), option('fold equal lines', 'fold'), option('stacked', 'stacked')),
    h('dl.inline', null, facts.map(([term, words]) => [h('dt', null, term), h('dd', null, words)])),
    h(`div.answers${look.marks ? '' : '.plain'}${state.word === 'masked' || state.word === 'volatile' ? '.soft' : ''}`, null,
      answers,
      probes.length > 0 && h('h3', null, 'Effects: what probes saw on both VMs'),
      probes),
  ];
}

// A probe as the report spells it, such as Qmp("query-block"), for reading.
function probeName(spelled) {
  const parts = /^(\w+)\("(.*)"\)$/s.exec(spelled);
  return parts ? `${parts[1].toUpperCase()} ${parts[2].replaceAll('\\"', '"').replaceAll('\\\\', '\\')}` : spelled;
}
