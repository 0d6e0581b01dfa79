// One timeline with lanes: pictures, chapters, words, what was looked at, evidence.
//
// Every bar is a span of the video: a press plays just that. Anywhere else a press moves the
// playhead, and with Shift it selects.

import { clock, merged, range } from "./clock.js";
import { el } from "./dom.js";

const LANES = ["film", "chapters", "words", "looked", "evidence"];
const NAMES = { film: "", chapters: "Chapters", words: "Words", looked: "Looked at", evidence: "Evidence" };
const FILM_HEIGHT = 44;
const FINEST = 500; // bars in a lane
const STEPS_S = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400];

export class Timeline {
  /**
   * @param {HTMLElement} root
   * @param {{seek: (s: number) => void, playSpan: (span: object) => void, select: (span: object|null) => void}} on
   */
  constructor(root, on) {
    this.on = on;
    this.duration = 0;
    this.selection = null;
    this.known = { lines: [], chapters: [], shots: [] };
    this.lanes = {};
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
    this.duration = facts?.duration_s ?? 0;
    this.known = known;
    this.sprite = sprite;
    const hasChapters = known.chapters.length > 0;
    const shots = known.shots.length > 1 ? known.shots : [];
    this.labels.chapters.textContent = hasChapters ? "Chapters" : "Shots";
    this.#bars("chapters", hasChapters ? known.chapters : shots.map((shot, i) => ({ ...shot, text: `${i + 1}` })), { tabIndex: -1 });
    this.hits([]);
    this.#ruler();
    this.#film();
    this.lanes.film.setAttribute("aria-valuemax", this.duration.toFixed(1));
  }

  /**
   * What was looked at.
   * @param {Array<object>} spans Moments that a tool read or found.
   * @param {Array<number>} times_s Times of the pictures that were seen.
   */
  looked(spans, times_s) {
    const near = this.duration / FINEST;
    const seen = times_s.map((time) => ({ start: time, end: time, className: "seen" }));
    this.#bars("looked", [...merged(spans, near), ...seen], { tabIndex: -1 });
  }

  /** What proves an answer. */
  evidence(pieces) {
    this.#bars("evidence", pieces, {});
  }

  /** Moments that a search found, on top of the words. */
  hits(pieces) {
    this.#bars("words", [...this.known.lines, ...pieces.map((piece) => ({ ...piece, className: "hit" }))], { tabIndex: -1 });
  }

  /** Where the playhead is. */
  time(time_s) {
    this.head.style.left = this.#percent(time_s);
    this.lanes.film.setAttribute("aria-valuenow", time_s.toFixed(1));
    this.lanes.film.setAttribute("aria-valuetext", clock(time_s));
  }

  /** Select a span, or nothing. */
  select(span) {
    this.selection = span;
    this.selected.hidden = !span;
    if (span) this.#place(this.selected, span);
    this.on.select(span);
  }

  #percent(time_s) {
    return `${(100 * Math.min(time_s, this.duration)) / (this.duration || 1)}%`;
  }

  #place(node, { start, end }) {
    node.style.left = this.#percent(start);
    node.style.width = this.#percent(Math.max(0, Math.min(end, this.duration) - start));
  }

  #bars(lane, pieces, more) {
    const mayHide = lane === "chapters" || lane === "words";
    this.lanes[lane].hidden = this.labels[lane].hidden = mayHide && !pieces.length;
    const shown = pieces.length > FINEST ? merged(pieces, this.duration / FINEST) : pieces;
    this.lanes[lane].replaceChildren(
      ...shown.map((piece) => {
        const bar = el("button", {
          type: "button",
          className: `bar ${piece.className ?? ""}`,
          ariaLabel: ["Play", range(piece), piece.text].filter(Boolean).join(" "),
          onclick: () => this.on.playSpan(piece.end > piece.start ? piece : { start: piece.start, end: piece.start + 2 }),
          ...more,
        });
        if (lane === "chapters") bar.append(piece.text ?? "");
        bar.dataset.words = piece.text ?? "";
        this.#place(bar, piece);
        return bar;
      }),
    );
  }

  #ruler() {
    const step = STEPS_S.find((s) => this.duration / s <= 8) ?? STEPS_S.at(-1);
    const marks = [];
    for (let time = 0; time < this.duration - step * 0.3 || time === 0; time += step) {
      const mark = el("span", {}, clock(time, false));
      mark.style.left = this.#percent(time);
      marks.push(mark);
    }
    this.ruler.replaceChildren(...marks);
  }

  /** A strip of pictures, as many as there is place for. */
  #film() {
    const { sprite } = this, lane = this.lanes.film;
    lane.replaceChildren();
    if (!sprite || !lane.clientWidth) return;
    const num = Math.ceil(lane.clientWidth / ((FILM_HEIGHT * sprite.cell_width) / sprite.cell_height));
    const width = lane.clientWidth / num;
    for (let i = 0; i < num; i++) lane.append(this.#cell(((i + 0.5) / num) * this.duration, FILM_HEIGHT, width));
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
    root.append(...rows.flat(), el("span", { className: "lane-name" }), this.ruler, this.over);
    root.onpointerdown = (event) => this.#press(event, root);
    root.onpointermove = (event) => this.#preview(event);
    root.onpointerleave = () => (this.hover.hidden = this.preview.hidden = true);
  }

  #timeAt(event) {
    const { left, width } = this.over.getBoundingClientRect();
    return Math.min(Math.max(0, (event.clientX - left) / width), 1) * this.duration;
  }

  #press(event, root) {
    const isBar = event.target.closest("button") && !event.shiftKey;
    const isOutside = event.clientX < this.over.getBoundingClientRect().left;
    if (isBar || isOutside || event.button || !this.duration) return;
    const from = this.#timeAt(event);
    const drag = (moved) => {
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
    const isOutside = x < 0 || !this.duration;
    this.hover.hidden = this.preview.hidden = isOutside;
    if (isOutside) return;
    const time = this.#timeAt(event);
    const words = event.target.closest(".bar")?.dataset.words || this.#wordsAt(time);
    this.hover.style.left = this.#percent(time);
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
