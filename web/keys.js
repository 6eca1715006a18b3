// The history by keys: arrows brush, Enter opens, plus and minus zoom. Asks nobody.

/** Does what a key says to the history; true if it says anything. */
export function keyed(past, event) {
  if (!past.span || event.ctrlKey || event.altKey || event.metaKey) return false;
  const [low, high] = past.window, middle = (low + high) / 2, size = high - low;
  const act = {
    ArrowLeft: () => step(past, -1, event.shiftKey),
    ArrowRight: () => step(past, 1, event.shiftKey),
    Enter: () => past.open(),
    Escape: () => past.brushed(null),
    "+": () => past.windowed(middle - size / 4, middle + size / 4, true),
    "-": () => past.windowed(middle - size, middle + size, true),
    PageUp: () => document.getElementById("past-previous").click(),
    PageDown: () => document.getElementById("past-next").click(),
  }[event.key];
  act?.();
  return Boolean(act);
}

/** The brush by keys: to the next bar or quarter, or as far as that. */
function step(past, by, further) {
  const { span, brush } = past;
  const grain = span.period === "day" ? span.grain(past.window) : null;
  const last = Math.min(span.at, span.end) - 1;
  if (!brush) return past.brushed(last, last);
  const move = (edge) => {
    const next = grain ? edge + by * grain : span.edges[span.edges.indexOf(edge) + by];
    return next >= span.start && next <= span.end ? next : edge;
  };
  const [from, to] = [further ? brush[0] : move(brush[0]), move(brush[1])];
  if (to <= from || (!further && to - brush[1] === 0)) return null;
  return past.brushed(from, to - 1);
}
