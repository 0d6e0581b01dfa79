// One timeline with lanes: pictures, chapters, words, what was looked at, evidence.
//
// Every bar is a span of the video: a press plays just that. Anywhere else a press moves the
// playhead, and with Shift it selects. How much of the video is shown, and how closely, is a `Part`.

import { clock, merged, range } from "./clock.js";
import { el } from "./dom.js";
import { Part } from "./zoom.js";

const LANES = ["film", "chapters", "words", "looked", "evidence"];
const NAMES = { film: "", chapters: "Chapters", words: "Words", looked: "Looked at", evidence: "Evidence" };
const FILM_HEIGHT = 44;
const FINEST = 500; // bars in a lane
const FINER_MS = 300;
const STEPS_S = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400];

export class Timeline {
  /**
   * @param {HTMLElement} root
   * @param {{seek: (s: number) => void, playSpan: (span: object) => void, select: (span: object|null) => void}} on
   */
  constructor(root, on) {
    this.on = on;
    this.id = null;
    this.selection = null;
    this.known = { lines: [], chapters: [], shots: [] };
    this.read = this.seen = this.proof = this.found = [];
    this.lanes = {};
    this.part = new Part(root, () => this.#draw());
    this.#build(root);
    new ResizeObserver(() => this.#film()).observe(this.lanes.film);
  }

  /**
   * Another video.
   * @param {object|null} facts The video.
   * @param {object} known Its timeline, from the server.
   * @param {object|null} sprite Pictures all over it.
   */
  show(facts, known, sprite) {
    const isOther = this.id !== (facts?.id ?? null);
    this.id = facts?.id ?? null;
    this.known = known;
    this.sprite = sprite;
    this.found = [];
    this.labels.chapters.textContent = known.chapters.length ? "Chapters" : "Shots";
    if (isOther) this.part.show(facts?.duration_s ?? 0);
    else this.#draw();
    this.lanes.film.setAttribute("aria-valuemax", this.part.duration.toFixed(1));
  }

  /**
   * What was looked at.
   * @param {Array<object>} spans Moments that a tool read or found.
   * @param {Array<number>} times_s Times of the pictures that were seen.
   */
  looked(spans, times_s) {
    this.read = spans;
    this.seen = times_s.map((time) => ({ start: time, end: time, className: "seen" }));
    this.#bars("looked");
  }

  /** What proves an answer. */
  evidence(pieces) {
    this.proof = pieces;
    this.part.mark(pieces);
    this.#bars("evidence");
  }

  /** Moments that a search found, on top of the words. */
  hits(pieces) {
    this.found = pieces.map((piece) => ({ ...piece, className: "hit" }));
    this.#bars("words");
  }

  /** Where the playhead is. */
  time(time_s) {
    this.part.follow(time_s);
    this.#headAt(time_s);
    this.lanes.film.setAttribute("aria-valuenow", time_s.toFixed(1));
    this.lanes.film.setAttribute("aria-valuetext", clock(time_s));
  }

  /** Select a span, or nothing. */
  select(span) {
    this.selection = span;
    this.#placeSelected();
    this.on.select(span);
  }

  #draw() {
    for (const lane of LANES.slice(1)) this.#bars(lane);
    this.#ruler();
    this.#film();
    this.#placeSelected();
    this.#headAt(this.part.time);
  }

  #headAt(time_s) {
    this.head.style.left = this.part.percent(time_s);
    this.head.hidden = !this.part.holds({ start: time_s, end: time_s });
  }

  #placeSelected() {
    const span = this.selection;
    this.selected.hidden = !span || !this.part.holds(span);
    if (span) this.#place(this.selected, span);
  }

  /** Where a span lies, as far as it is shown. */
  #place(node, { start, end }) {
    const from = Math.max(start, this.part.start), to = Math.min(end, this.part.end);
    node.style.left = this.part.percent(from);
    node.style.width = `calc(${this.part.percent(Math.max(from, to))} - ${this.part.percent(from)})`;
  }

  /** Everything in a lane. */
  #pieces(lane) {
    const { known, read, seen, proof, found, part } = this;
    const shots = known.shots.length > 1 ? known.shots : [];
    if (lane === "chapters") return known.chapters.length ? known.chapters : shots.map((shot, i) => ({ ...shot, text: `${i + 1}` }));
    if (lane === "words") return [...known.lines, ...found];
    return lane === "looked" ? [...merged(read, part.length / FINEST), ...seen] : proof;
  }

  #bars(lane) {
    const all = this.#pieces(lane), mayHide = lane === "chapters" || lane === "words";
    this.lanes[lane].hidden = this.labels[lane].hidden = mayHide && !all.length;
    const there = all.filter((piece) => this.part.holds(piece));
    const shown = there.length > FINEST ? merged(there, this.part.length / FINEST) : there;
    const bars = shown.map((piece) => this.#bar(lane, piece));
    const held = this.lanes[lane].contains(document.activeElement) && document.activeElement.ariaLabel;
    this.lanes[lane].replaceChildren(...bars);
    if (held) bars.find((bar) => bar.ariaLabel === held)?.focus({ preventScroll: true });
  }

  #bar(lane, piece) {
    const bar = el("button", {
      type: "button",
      className: `bar ${piece.className ?? ""}`,
      ariaLabel: ["Play", range(piece), piece.text].filter(Boolean).join(" "),
      onclick: () => this.on.playSpan(piece.end > piece.start ? piece : { start: piece.start, end: piece.start + 2 }),
    });
    if (lane !== "evidence") bar.tabIndex = -1;
    if (lane === "chapters") bar.append(piece.text ?? "");
    bar.dataset.words = piece.text ?? "";
    this.#place(bar, piece);
    return bar;
  }

  #ruler() {
    const { start, end, length } = this.part, step = STEPS_S.find((s) => length / s <= 8) ?? STEPS_S.at(-1);
    const marks = [];
    for (let time = Math.ceil(start / step) * step; time < end - step * 0.3 || time === 0; time += step) {
      const mark = el("span", {}, clock(time, false));
      mark.style.left = this.part.percent(time);
      marks.push(mark);
    }
    this.ruler.replaceChildren(...marks);
  }

  /** A strip of pictures, as many as there is place for. */
  #film() {
    const { sprite, part } = this, lane = this.lanes.film;
    lane.replaceChildren();
    clearTimeout(this.finer);
    if (!sprite || !lane.clientWidth) return;
    const num = Math.ceil(lane.clientWidth / ((FILM_HEIGHT * sprite.cell_width) / sprite.cell_height));
    const width = lane.clientWidth / num;
    const times_s = Array.from({ length: num }, (_, i) => part.at((i + 0.5) / num));
    lane.append(...times_s.map((time) => this.#cell(time, FILM_HEIGHT, width)));
    const here = sprite.times_s.filter((time) => part.holds({ start: time, end: time }));
    if (!part.isWhole && here.length < num) this.finer = setTimeout(() => this.#finer(times_s), FINER_MS);
  }

  /** Where the sprite has too few pictures: those of the times themselves. */
  #finer(times_s) {
    times_s.forEach((time, i) => {
      const url = `/media/${encodeURIComponent(this.id)}/thumb/${time.toFixed(1)}.jpg?h=90`;
      const { style } = this.lanes.film.children[i]; // what is there stays until the picture comes
      style.backgroundImage = `url("${url}"), ${style.backgroundImage}`;
      style.backgroundSize = `auto 100%, ${style.backgroundSize}`;
      style.backgroundPosition = `center, ${style.backgroundPosition}`;
    });
  }

  /** The picture of the sprite that is on screen at a time; cut at its sides to a width. */
  #cell(time_s, height, width) {
    const { url, times_s, columns, cell_width, cell_height, step_x, step_y } = this.sprite;
    const after = times_s.findIndex((time) => time > time_s + 1e-6);
    const i = Math.max(0, (after < 0 ? times_s.length : after) - 1);
    const scale = height / cell_height, rows = Math.ceil(times_s.length / columns);
    const x = (i % columns) * step_x * scale + (width ? (cell_width * scale - width) / 2 : 0);
    const y = Math.floor(i / columns) * step_y * scale;
    const cell = el("i");
    Object.assign(cell.style, {
      height: `${height}px`,
      width: `${width ?? cell_width * scale}px`,
      backgroundImage: `url("${url}")`,
      backgroundSize: `${((columns - 1) * step_x + cell_width) * scale}px ${((rows - 1) * step_y + cell_height) * scale}px`,
      backgroundPosition: `${-x}px ${-y}px`,
    });
    return cell;
  }

  #build(root) {
    this.labels = {};
    const rows = LANES.map((lane) => {
      this.labels[lane] = el("span", { className: "lane-name" }, NAMES[lane]);
      this.lanes[lane] = el("div", { className: `lane ${lane}`, role: "group", ariaLabel: NAMES[lane] });
      return [this.labels[lane], this.lanes[lane]];
    });
    Object.assign(this.lanes.film, { role: "slider", tabIndex: 0, ariaLabel: "Playhead" });
    this.lanes.film.setAttribute("aria-valuemin", "0");
    this.ruler = el("div", { className: "ruler" });
    this.head = el("div", { className: "head" });
    this.hover = el("div", { className: "hover", hidden: true });
    this.selected = el("div", { className: "selected", hidden: true });
    this.preview = el("div", { className: "preview", hidden: true });
    this.over = el("div", { className: "over" }, this.selected, this.hover, this.head, this.preview);
    root.append(...rows.flat(), this.part.buttons, this.ruler, this.part.overview, this.over);
    root.onpointerdown = (event) => this.#press(event, root);
    root.onpointermove = (event) => this.#preview(event);
    root.onpointerleave = () => (this.hover.hidden = this.preview.hidden = true);
  }

  #timeAt(event) {
    const { left, width } = this.over.getBoundingClientRect();
    return this.part.at((event.clientX - left) / width);
  }

  #press(event, root) {
    const isBar = event.target.closest("button") && !event.shiftKey;
    const isOutside = event.clientX < this.over.getBoundingClientRect().left;
    if (isBar || isOutside || event.button || !event.isPrimary || !this.part.duration) return;
    const from = this.#timeAt(event);
    const drag = (moved) => {
      if (this.part.fingers > 1) return;
      const time = this.#timeAt(moved);
      if (!event.shiftKey) this.on.seek(time);
      else if (time !== from) this.select({ start: Math.min(from, time), end: Math.max(from, time) });
    };
    event.preventDefault();
    this.lanes.film.focus({ preventScroll: true });
    root.setPointerCapture(event.pointerId);
    drag(event);
    root.addEventListener("pointermove", drag);
    root.addEventListener("lostpointercapture", () => root.removeEventListener("pointermove", drag), { once: true });
  }

  #preview(event) {
    const { left, width } = this.over.getBoundingClientRect(), x = event.clientX - left;
    const isOutside = x < 0 || !this.part.duration || this.part.overview.contains(event.target);
    this.hover.hidden = this.preview.hidden = isOutside;
    if (isOutside) return;
    const time = this.#timeAt(event);
    const words = event.target.closest(".bar")?.dataset.words || this.#wordsAt(time);
    this.hover.style.left = this.part.percent(time);
    this.preview.replaceChildren(
      ...(this.sprite ? [this.#cell(time, 90)] : []),
      el("b", {}, clock(time)),
      ...(words ? [el("span", {}, words)] : []),
    );
    const half = this.preview.offsetWidth / 2;
    this.preview.style.left = `${Math.min(Math.max(x, half), width - half)}px`;
  }

  #wordsAt(time_s) {
    const holds = ({ start, end }) => start <= time_s && time_s < end;
    return (this.known.lines.find(holds) ?? this.known.chapters.find(holds))?.text ?? "";
  }
}
