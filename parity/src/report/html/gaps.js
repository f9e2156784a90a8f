// SPDX-License-Identifier: GPL-2.0-or-later
// The interfaces that QEMU lacks, by rank, each with a definition to paste.

const gapHref = (gap) => '#/gaps/' + encodeURIComponent(gap.name);

const gapLink = (gap) => h('a', { href: gapHref(gap) }, h('code', null, gap.name));

// What works of a gap's commands today, with leave.
const todayOf = (gap) => (gap.today ?? []).map((today) => ({
  command: today.command,
  words: `${today.command} works today with --allow ${today.allow}${today.targets.length ? ` on ${today.targets.join(', ')}` : ''}`,
}));

// The commands that a gap frees, and those that it makes whole.
function gapCommands(gap) {
  const link = (name) => {
    const command = commands.find((one) => one.name === name);
    return command ? commandLink(command) : h('span.command', null, name);
  };
  return [...new Set([...gap.frees, ...gap.partly.map((part) => part.command)])].map((name) => [link(name), ' ']);
}

// How a gap is weighed, in words.
const gapWeight = (gap) => [
  gap.scripts && `no. ${gap.scripts} in public scripts`,
  plural(gap.uses, 'use'), `${plural(gap.lines, 'line')} freed`,
  plural(new Set(gap.qemus.map((label) => label.slice(label.indexOf('-') + 1))).size, 'target'),
].filter(Boolean).join(', ');

function gapView(gap, at) {
  const text = gap.qapi;
  const copy = h('button.quiet', {
    type: 'button',
    onclick: () => navigator.clipboard?.writeText(text).then(() => say('copied'), () => say('not copied')),
  }, 'copy');
  const facts = [
    ['frees', gap.frees.length ? gapCommands({ ...gap, partly: [] }) : 'no whole command'],
    ...gap.partly.map((part) => ['makes whole', `${part.command}: ${part.what}`]),
    ['rank', gapWeight(gap)],
    ['today’s code', h('code', null, gap.function)],
    gap.merged && ['QEMU has it', `from ${gap.merged} on`],
    gap.deprecated && ['deprecated', `its commands, from QEMU ${gap.deprecated} on`],
    ...todayOf(gap).map((today) => ['with leave', today.words]),
    ['because', gap.why],
    ...(gap.notes ?? []).map((note) => ['note to go', note]),
    gap.completion && ['TAB', `would know ${gap.completion}`],
    gap.deletes && ['would delete', gap.deletes.map((file) => [h('code', null, file), h('br')])],
    ...(gap['deletes-in-part'] ?? []).map((part) => ['would delete', part]),
    ['lacking in', gap.qemus.length === raw.qemus.length ? `all ${gap.qemus.length} here` : gap.qemus.join(', ')],
  ].filter(Boolean);
  return h('section.gap', { id: 'gap-' + gap.name, 'aria-label': gap.name },
    h('h2', { tabindex: -1 }, `${at + 1}. `, h('code', null, gap.name)),
    h('dl.inline', null, facts.map(([term, words]) => [h('dt', null, term), h('dd', null, words)])),
    h('div.qapi', null, h('div.bar-line', null, h('span.about', null, 'QAPI, as scripts/qapi-gen.py reads it'), h('span.gap'), copy),
      h('pre', { tabindex: 0 }, h('code', null, text))));
}

function gapsPage(name) {
  const sections = raw.gaps.map(gapView);
  const at = raw.gaps.findIndex((gap) => gap.name === name);
  return {
    page: [
      h('h1', { tabindex: -1 }, 'Missing interfaces'),
      h('p.about', null, 'The QMP commands that QEMU lacks, those to add first on top: by uses in public scripts, by the uses that were looked at, by the lines that each would free, and by targets. What some release of QEMU has, or deprecates the commands of, is last.'),
      sections,
    ],
    title: 'Missing interfaces',
    focus: at >= 0 ? sections[at].querySelector('h2') : undefined,
  };
}
