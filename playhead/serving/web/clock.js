// Seconds as people read them.

/** `0:04.3`, `1:02:03.0`; without tenths `0:04`. */
export function clock(seconds, tenths = true) {
  const all = tenths ? Math.round(seconds * 10) / 10 : Math.floor(seconds + 1e-6);
  const h = Math.floor(all / 3600), m = Math.floor((all % 3600) / 60), s = all % 60;
  const tail = tenths ? s.toFixed(1).padStart(4, "0") : String(s).padStart(2, "0");
  return h ? `${h}:${String(m).padStart(2, "0")}:${tail}` : `${m}:${tail}`;
}

/** `0:04.3–0:12.5`. */
export const range = ({ start, end }) => `${clock(start)}–${clock(end)}`;

const MOMENT = String.raw`(?:\d{1,2}:)?\d{1,2}:\d{2}(?:\.\d+)?`;
const MOMENTS = new RegExp(`(${MOMENT})(?:\\s?(?:-|–|to)\\s?(${MOMENT}))?`, "g");
const inSeconds = (text) => text.split(":").reduce((sum, part) => sum * 60 + Number(part), 0);

/**
 * The parts of a text, its times apart.
 * @returns {Array<{text: string, span: {start: number, end: number|null}|null}>}
 */
export function withTimes(text) {
  const parts = [];
  let last = 0;
  for (const match of text.matchAll(MOMENTS)) {
    parts.push({ text: text.slice(last, match.index), span: null });
    const start = inSeconds(match[1]), end = match[2] ? inSeconds(match[2]) : null;
    parts.push({ text: match[0], span: { start, end: end > start ? end : null } });
    last = match.index + match[0].length;
  }
  parts.push({ text: text.slice(last), span: null });
  return parts.filter((part) => part.text);
}

/** Spans without those that overlap or nearly touch, so that an hour of them stays few. */
export function merged(spans, gap_s) {
  const found = [];
  for (const { start, end } of [...spans].sort((a, b) => a.start - b.start)) {
    const last = found.at(-1);
    if (last && start <= last.end + gap_s) last.end = Math.max(last.end, end);
    else found.push({ start, end });
  }
  return found;
}

/** `just now`, `5 min`, `3 h`, `Tue`, `3 Mar`. */
export function ago(when) {
  const then = new Date(when), minutes = (Date.now() - then) / 60000;
  if (minutes < 1) return "just now";
  if (minutes < 60) return `${Math.floor(minutes)} min`;
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)} h`;
  const form = minutes < 6 * 24 * 60 ? { weekday: "short" } : { day: "numeric", month: "short" };
  return then.toLocaleDateString(undefined, form);
}

/** A number of things: `1 frame`, `12 frames`. */
export const count = (num, thing) => `${num.toLocaleString("en")} ${thing}${num === 1 ? "" : "s"}`;

const short = (num) => (num < 1000 ? String(num) : num < 1e6 ? `${(num / 1000).toFixed(1)}k` : `${(num / 1e6).toFixed(1)}M`);

/** What something has cost, in one line. */
export function costLine(cost) {
  const tokens = cost.input_tokens + cost.output_tokens;
  return [
    count(cost.frames, "frame"),
    tokens > 0 && `${short(tokens)} tokens`,
    `${cost.seconds < 10 ? cost.seconds.toFixed(1) : Math.round(cost.seconds)} s`,
    cost.dollars !== null && `$${cost.dollars.toFixed(3)}`,
  ].filter(Boolean).join(" · ");
}

/** The sum of costs. */
export function sumOf(costs) {
  const sum = { frames: 0, input_tokens: 0, output_tokens: 0, seconds: 0, dollars: null };
  for (const cost of costs) {
    for (const name of ["frames", "input_tokens", "output_tokens", "seconds"]) sum[name] += cost[name];
    if (cost.dollars !== null) sum.dollars = (sum.dollars ?? 0) + cost.dollars;
  }
  return sum;
}
