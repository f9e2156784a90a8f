// SPDX-License-Identifier: GPL-2.0-or-later
// Which page is shown, and the keys that work everywhere.

const main = document.getElementById('main');

const PAGES = [
  ['#/', 'Overview'], ['#/matrix', 'Matrix'], raw.gaps.length > 0 && ['#/gaps', 'Missing interfaces'],
  raw.completions.length > 0 && ['#/completion', 'Completion'], raw.before && ['#/changes', 'Changes'], ['#/details', 'Details'],
].filter(Boolean);

function drawNav(current) {
  document.getElementById('nav').replaceChildren(...PAGES.map(([href, word]) => h('a', {
    href: href === '#/matrix' ? matrixHref(filter) : href,
    'aria-current': href === current ? 'page' : null,
  }, word)));
}

// Shows the page of an address. `keep` replaces the entry in the browser's history.
function show(hash, keep) {
  if (keep) history.replaceState(null, '', hash);
  else if (location.hash !== hash) {
    location.hash = hash;
    return;
  }
  route();
}

// A name in an address; one that nobody encoded is looked for as it is.
function decoded(name) {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

let shown = null;

function route() {
  const [path, search] = location.hash.split('?');
  const parameters = Object.fromEntries(new URLSearchParams(search ?? ''));
  const from = shown;
  let made;
  let current = path;
  if (path.startsWith('#/c/')) {
    const name = decoded(path.slice(4));
    const command = commands.find((c) => c.name === name);
    made = command ? commandPage(command, parameters) : {
      page: [h('h1', { tabindex: -1 }, 'No such command'), h('p.about', null, `Neither the tables nor the report have \u201c${name}\u201d.`)],
      title: 'No such command',
    };
    current = '#/matrix';
  } else if (path === '#/gaps' || path.startsWith('#/gaps/')) {
    made = gapsPage(decoded(path.slice('#/gaps/'.length)));
    current = '#/gaps';
  } else if (path === '#/matrix') made = { ...matrixPage(parameters), title: 'Matrix' };
  else if (path === '#/changes' && raw.before) made = changesPage();
  else if (path === '#/details') made = detailsPage();
  else if (path === '#/completion') made = completionPage();
  else if (path.startsWith('#/q/')) {
    made = qemuPage(decoded(path.slice('#/q/'.length)));
    current = '#/';
  } else if (path.startsWith('#/hmp/')) {
    made = pairPage(...path.slice('#/hmp/'.length).split('/'));
    current = '#/';
  }
  else {
    made = { page: overviewPage(), title: 'Overview' };
    current = '#/';
  }
  main.className = made.className ?? '';
  main.replaceChildren(...made.page.flat(3).filter(Boolean));
  document.title = `${made.title} \u2013 HMP parity`;
  drawNav(current);
  shown = path;
  if (path === '#/matrix' && from?.startsWith('#/c/') && made.back()) return;
  window.scrollTo(0, 0);
  if (made.focus) {
    made.focus.focus({ preventScroll: true });
    made.focus.scrollIntoView({ block: 'start' });
  } else if (from !== null) main.querySelector('h1')?.focus({ preventScroll: true });
}

// light, dark, or as the system has it.
const THEMES = ['', 'light', 'dark'];
function setTheme(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
  const button = document.getElementById('theme');
  button.textContent = { '': '\u25d0 system', light: '\u2600 light', dark: '\u263e dark' }[theme];
  button.setAttribute('aria-label', `Colours: ${theme || 'as the system has them'}. Change`);
  memory.set('theme', theme);
}
document.getElementById('theme').addEventListener('click', () => {
  const now = document.documentElement.dataset.theme ?? '';
  setTheme(THEMES[(THEMES.indexOf(now) + 1) % THEMES.length]);
});
setTheme(THEMES.includes(memory.get('theme', '')) ? memory.get('theme', '') : '');

document.getElementById('skip').addEventListener('click', () => main.focus());
document.getElementById('mode').textContent = raw.nativeOnly ? 'native only' : 'with passthrough';

document.addEventListener('keydown', (event) => {
  const typing = event.target.closest?.('input, select, textarea');
  if (event.key === '/' && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    if (location.hash.split('?')[0] !== '#/matrix') show(matrixHref(filter));
    // The page of a new address is drawn after this event.
    setTimeout(() => {
      document.querySelector('.filterbox').open = true;
      document.getElementById('search').focus();
    });
  }
  if (event.key === 'Escape' && !typing && location.hash.startsWith('#/c/')) show(matrixHref(filter));
});

window.addEventListener('hashchange', route);
narrow.addEventListener('change', () => location.hash.startsWith('#/c/') && route());
route();
