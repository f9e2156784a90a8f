// Moving in a grid of elements with the arrow keys: one of them can be reached with Tab, the others from it.

// Makes the elements that `rows` gives stops. `rows(element)` is the row of an element; rows are siblings, and stops
// are children of a row that have a tabindex.
function gridKeys(root, isRow) {
  const stopsOf = (row) => [...row.children].filter((child) => child.hasAttribute('tabindex') && !child.hidden);
  const step = (row, forward) => {
    do row = forward ? row.nextElementSibling : row.previousElementSibling;
    while (row && (row.hidden || !isRow(row)));
    return row;
  };
  const far = (row, forward, most) => {
    let last = row;
    for (let next = step(row, forward); next && most > 0; next = step(next, forward), most -= 1) last = next;
    return last;
  };
  const go = (stop) => {
    if (!stop) return;
    root.querySelectorAll('[tabindex="0"]').forEach((old) => old.setAttribute('tabindex', '-1'));
    stop.setAttribute('tabindex', '0');
    stop.focus({ preventScroll: true });
    stop.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  };
  root.addEventListener('keydown', (event) => {
    const stop = event.target.closest('[tabindex]');
    const row = stop?.parentElement;
    if (!row || !isRow(row) || event.altKey || event.metaKey) return;
    const stops = stopsOf(row);
    const at = stops.indexOf(stop);
    const inRow = (other) => other && stopsOf(other)[Math.min(at, stopsOf(other).length - 1)];
    const page = Math.max(1, Math.floor(root.clientHeight / Math.max(1, row.offsetHeight)) - 2);
    const target = {
      ArrowLeft: () => stops[at - 1],
      ArrowRight: () => stops[at + 1],
      ArrowUp: () => inRow(step(row, false)),
      ArrowDown: () => inRow(step(row, true)),
      PageUp: () => inRow(far(row, false, page)),
      PageDown: () => inRow(far(row, true, page)),
      Home: () => (event.ctrlKey ? inRow(far(row, false, Infinity)) : stops[0]),
      End: () => (event.ctrlKey ? inRow(far(row, true, Infinity)) : stops[stops.length - 1]),
    }[event.key];
    if (!target) return;
    event.preventDefault();
    go(target());
  });
  root.addEventListener('focusin', (event) => {
    const stop = event.target.closest('[tabindex="-1"]');
    if (stop && isRow(stop.parentElement)) {
      root.querySelectorAll('[tabindex="0"]').forEach((old) => old.setAttribute('tabindex', '-1'));
      stop.setAttribute('tabindex', '0');
    }
  });
  return { go };
}
