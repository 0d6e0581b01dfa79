// The part of a video that the timeline shows: all of it, or less of it and larger.
//
// The one idea: a part is two times. Buttons, keys, the wheel, two fingers and the overview move
// them; whoever draws asks where a time lies between them.

import { range } from "./clock.js";
import { el, iconButton } from "./dom.js";

const CLOSEST_S = 4;
const STEP = 2;
const WHEEL_PX = 240; // to double
const LINE_PX = 30;
const JUMP_S = 1; // a playhead that moves farther at once was sent there

const share = (value, whole) => `${(100 * value) / (whole || 1)}%`;
const clamped = (value, least, most) => Math.min(Math.max(value, least), most);

export class Part {
  /**
   * @param {HTMLElement} surface What wheel and fingers are heard on.
   * @param {() => void} onChange Is told when it is another part.
   */
  constructor(surface, onChange) {
    this.onChange = onChange;
    this.duration = this.start = this.end = this.time = this.fingers = 0;
    this.shown = el("div", { className: "shown" });
    this.head = el("i", { className: "tick" });
    this.marks = el("span");
    this.overview = el("div", { className: "overview", role: "slider", tabIndex: 0, ariaLabel: "Part of the video that is shown" }, this.marks, this.shown, this.head);
    this.overview.title = "Drag to move, double click to see all";
    this.buttons = el(
      "div",
      { className: "zoom" },
      (this.out = iconButton("minus", "Zoom out", () => this.step(1 / STEP))),
      (this.in = iconButton("plus", "Zoom in", () => this.step(STEP))),
    );
    this.out.title = "Zoom out (−, or Ctrl and the wheel; 0 shows all)";
    this.in.title = "Zoom in (+, or Ctrl and the wheel)";
    this.#hearOverview();
    surface.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    this.#hearFingers(surface);
  }

  get length() {
    return this.end - this.start;
  }

  get isWhole() {
    return this.length >= this.duration;
  }

  /** Another video, all of it. */
  show(duration) {
    this.duration = duration;
    this.#set(0, duration);
  }

  /** Where a time lies, as CSS has it; outside it is less than 0 % or more than 100 %. */
  percent(time_s) {
    return share(time_s - this.start, this.length);
  }

  /** The time at a share of the width. */
  at(part) {
    return this.start + clamped(part, 0, 1) * this.length;
  }

  holds({ start, end }) {
    return start <= this.end && end >= this.start;
  }

  /** Show `factor` times as closely, with a time where it is now. */
  zoom(factor, about_s) {
    if (!this.duration) return;
    const length = Math.min(this.duration, Math.max(CLOSEST_S, this.length / factor));
    this.#set(about_s - ((about_s - this.start) / this.length) * length, length);
  }

  /** As `zoom`, about the playhead, or the middle if that is not shown. */
  step(factor) {
    const isThere = this.holds({ start: this.time, end: this.time });
    this.zoom(factor, isThere ? this.time : this.at(0.5));
  }

  whole() {
    this.#set(0, this.duration);
  }

  move(by_s) {
    this.#set(this.start + by_s, this.length);
  }

  /** Draw what proves an answer along all of the video. */
  mark(spans) {
    this.marks.replaceChildren(
      ...spans.map(({ start, end }) => {
        const mark = el("i");
        Object.assign(mark.style, { left: share(start, this.duration), width: share(end - start, this.duration) });
        return mark;
      }),
    );
  }

  /** The playhead is at a time: it does not leave the part that is shown, nor go elsewhere unseen. */
  follow(time_s) {
    const was = this.time, wasThere = this.holds({ start: was, end: was });
    this.time = time_s;
    this.head.style.left = share(time_s, this.duration);
    const isThere = this.holds({ start: time_s, end: time_s });
    if (!isThere && (wasThere || Math.abs(time_s - was) > JUMP_S)) this.#set(time_s - this.length / 8, this.length);
  }

  #set(start, length) {
    this.start = clamped(start, 0, this.duration - length);
    this.end = this.start + length;
    Object.assign(this.shown.style, { left: share(this.start, this.duration), width: share(length, this.duration) });
    this.overview.classList.toggle("whole", this.isWhole);
    this.overview.setAttribute("aria-valuemax", this.duration.toFixed(1));
    this.overview.setAttribute("aria-valuenow", this.start.toFixed(1));
    this.overview.setAttribute("aria-valuetext", range(this));
    this.out.disabled = this.isWhole;
    this.in.disabled = length <= CLOSEST_S;
    this.onChange();
  }

  #wheel(event) {
    const { deltaX, deltaY, shiftKey } = event, unit = event.deltaMode ? LINE_PX : 1;
    const { left, width } = this.overview.getBoundingClientRect();
    const along = shiftKey && !deltaX ? deltaY : deltaX, isAlong = shiftKey || Math.abs(deltaX) > Math.abs(deltaY);
    if (!this.duration) return;
    if (event.ctrlKey || event.metaKey) this.zoom(2 ** ((-deltaY * unit) / WHEEL_PX), this.at((event.clientX - left) / width));
    else if (isAlong && !this.isWhole) this.move(((along * unit) / width) * this.length);
    else return; // the page scrolls
    event.preventDefault();
  }

  /** Two fingers hold the times that they are on. */
  #hearFingers(surface) {
    const at = new Map();
    const lift = ({ pointerId }) => (at.delete(pointerId), (this.fingers = at.size));
    surface.addEventListener("pointerdown", (event) => {
      if (event.pointerType === "touch") at.set(event.pointerId, event.clientX);
      this.fingers = at.size;
    }, true);
    surface.addEventListener("pointermove", (event) => {
      if (!at.has(event.pointerId)) return;
      const [a, b] = at.values();
      at.set(event.pointerId, event.clientX);
      if (at.size !== 2 || !this.duration) return;
      const [c, d] = at.values(), { left, width } = this.overview.getBoundingClientRect();
      const middle = this.at(((a + b) / 2 - left) / width);
      this.zoom(Math.max(1, Math.abs(d - c)) / Math.max(1, Math.abs(b - a)), middle);
      this.move((((a + b - c - d) / 2) * this.length) / width);
    });
    for (const name of ["pointerup", "pointercancel"]) surface.addEventListener(name, lift);
  }

  #hearOverview() {
    const { overview } = this;
    overview.onpointerdown = (event) => {
      event.stopPropagation();
      if (event.button || this.isWhole) return;
      const { left, width } = overview.getBoundingClientRect();
      const timeAt = ({ clientX }) => ((clientX - left) / width) * this.duration, time = timeAt(event);
      if (!this.holds({ start: time, end: time })) this.#set(time - this.length / 2, this.length);
      const held = time - this.start;
      overview.setPointerCapture(event.pointerId);
      overview.onpointermove = (moved) => this.#set(timeAt(moved) - held, this.length);
    };
    overview.onlostpointercapture = () => (overview.onpointermove = null);
    overview.ondblclick = () => this.whole();
    overview.onkeydown = (event) => {
      const moves = { ArrowLeft: -1 / 4, ArrowRight: 1 / 4, PageUp: -1, PageDown: 1, Home: -Infinity, End: Infinity };
      const by = moves[event.key];
      if (!by) return;
      event.preventDefault();
      event.stopPropagation();
      this.move(by * this.length);
    };
  }
}
