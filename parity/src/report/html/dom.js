// SPDX-License-Identifier: GPL-2.0-or-later
// Making elements. Nothing of the report is ever read as HTML: texts become text nodes.

// h('td.num', { title: 'x' }, 'text', child): an element with classes, attributes or properties,
// and children.
function h(spec, attributes, ...children) {
  const [tag, ...classes] = spec.split('.');
  const element = document.createElement(tag || 'div');
  if (classes.length) element.className = classes.join(' ');
  for (const [key, value] of Object.entries(attributes ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith('on')) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? '' : value);
  }
  element.append(...children.flat(3).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

// 12,345; one formatter for all, since making one is slow.
const format = new Intl.NumberFormat('en');
const grouped = (number) => format.format(number);

const plural = (count, word) => `${grouped(count)} ${count === 1 ? word : word + 's'}`;

// What the browser lets a page from disk keep; it may keep nothing.
const memory = {
  get(key, otherwise) {
    try {
      return localStorage.getItem('parity.' + key) ?? otherwise;
    } catch {
      return otherwise;
    }
  },
  set(key, value) {
    try {
      localStorage.setItem('parity.' + key, value);
    } catch {
      // The choice lasts as long as the page.
    }
  },
};

// The letter of a state in its colour.
function badge(state, more) {
  return h(`span.badge.v-${state.css}`, { title: `${state.word}: ${state.about}`, ...more }, state.letter || '\u00a0');
}

// Colour, letter and word.
const pill = (state) => h('span.pill', { title: state.about }, badge(state, { 'aria-hidden': 'true' }), state.word);

// A change of a number; `better` is the sign that is good news.
function delta(change, better = 1) {
  if (!change) return null;
  const news = Math.sign(change) === better ? 'good' : better === 0 ? 'plain' : 'bad';
  const sign = change > 0 ? '+' : '\u2212';
  return h(`span.delta.${news}`, { title: 'since the earlier report' }, sign + grouped(Math.abs(change)));
}

const commandHref = (command, parameters) => '#/c/' + encodeURIComponent(command.name) + query(parameters);

function commandLink(command, parameters) {
  return h('a.command', { href: commandHref(command, parameters) }, command.title);
}

// '?a=b&c=d' of what is neither empty nor false.
function query(parameters) {
  const kept = Object.entries(parameters ?? {}).filter(([, value]) => value !== '' && value !== false && value !== undefined);
  const text = new URLSearchParams(kept.map(([key, value]) => [key, value === true ? '1' : String(value)])).toString();
  return text && '?' + text;
}

// A button that is on or off.
function toggle(label, on, changed, more) {
  const button = h('button.chip', {
    type: 'button',
    'aria-pressed': String(on),
    onclick() {
      const now = button.getAttribute('aria-pressed') !== 'true';
      button.setAttribute('aria-pressed', String(now));
      changed(now);
    },
    ...more,
  }, label);
  return button;
}

function select(label, options, value, changed) {
  const field = h('select', { onchange: () => changed(field.value) },
    options.map(([key, word]) => h('option', { value: key, selected: key === value }, word)));
  return h('label.field', null, h('span', null, label), field);
}

// Says something to people who do not see it happen.
function say(words) {
  document.getElementById('live').textContent = words;
}

// A section with a heading; its name is that of the landmark too.
function section(title, about, ...content) {
  const id = 's-' + title.toLowerCase().replace(/[^a-z]+/g, '-');
  return h('section', { 'aria-labelledby': id },
    h('h2', { id }, title), about && h('p.about', null, about), ...content);
}
