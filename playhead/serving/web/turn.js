// One question: what was asked, each step as it happens, the answer and what can be done with it.
//
// Stored questions are told through the same few functions as live ones, so there is one way in which
// a step looks.

import { count, costLine, range } from "./clock.js";
import { meter, row, spanChip, strip, timed } from "./cards.js";
import { el, icon, iconButton, say } from "./dom.js";

const SHOWN_ROWS = 6;
const OF_STEPS = ["thought", "call", "observation"];
const STOPS = { budget: "The budget was spent", repeated: "It went round in circles", cancelled: "Stopped" };

export class Turn {
  /**
   * @param {object} asked `number`, `question`, `options`, `within`, `images`, `parent`.
   * @param {object} on What a press does: `span`, `picture`, `fork`, `check`, `again`, `judge`, `copy`, `changed`.
   */
  constructor(asked, on) {
    this.asked = asked;
    this.on = on;
    this.state = "running";
    this.answered = this.cost = null;
    this.spans = [];
    this.times = [];
    this.calls = new Map();
    this.steps = [];
    this.told = [];
    this.#build();
  }

  /** Tell all that is stored of a question which has ended. */
  replay(stored) {
    for (const step of stored.steps) {
      this.hear("thought", { text: step.thinking || step.text, number: step.number });
      for (const call of step.calls) {
        this.hear("call", call);
        this.hear("observation", { ...call.observation, name: call.name });
      }
    }
    this.hear("done", { ...stored, num_steps: stored.steps.length });
    this.#judged(stored.feedback);
  }

  /** One event of the question; `events` of the HTTP API. */
  hear(name, data) {
    if (data.cost && name !== "observation") this.cost = data.cost;
    this[`_${name}`]?.(data);
    if (OF_STEPS.includes(name)) this.told.push([name, data, this.number]);
    this.on.changed(this, name);
  }

  /** Tell the steps that were kept of the question which this one was forked from. */
  keep(parent) {
    for (const [name, data, number] of parent.told) {
      if (number <= this.asked.parent.num_kept) this.hear(name, { ...data, cost: null, number });
    }
  }

  /** Say that the connection is lost, or back. */
  lost(isLost) {
    if (this.state === "running") this.#now(isLost ? "Connecting again" : "Working");
  }

  _waiting({ ahead }) {
    this.#now(ahead ? `Waiting: ${count(ahead, "question")} ahead` : "Waiting");
  }

  _started() {
    this.#now("Working");
  }

  _resumed() {
    this.#now("Going on where it was");
  }

  _indexing({ text }) {
    this.#now(`Reading the video: ${text}`);
  }

  _thought({ text, cost, number }) {
    this.#now("Working");
    const turns = cost ? (this.asked.parent?.num_kept ?? 0) + cost.turns : this.steps.length + 1;
    this.number = number ?? turns;
    this.step = this.steps[this.number - 1] ?? this.#step(this.number);
    this.step.thought.replaceChildren(...timed(text, (span) => this.#play(span)));
    this.step.thought.hidden = !text;
  }

  _call({ id, name, arguments: given }) {
    if (this.calls.has(id)) return;
    if (!this.step) this._thought({ text: "" });
    const call = new Call(name, given);
    this.calls.set(id, call);
    this.step.list.append(call.node);
    if (call.isQuiet) this.step.name.textContent += " · answers";
    else say(`${name} ${brief(given)}`);
  }

  _observation(seen) {
    this.calls.get(seen.call_id)?.fill(seen, this.on);
    if (seen.name === "answer") return;
    this.spans.push(...seen.evidence.map(({ video, span }) => ({ video, ...span })));
    this.times.push(...seen.pictures.filter((picture) => picture.video));
  }

  _answer({ answer }) {
    if (answer) this.#answer(answer);
  }

  _done({ state, stop, answer, error, cost, num_steps }) {
    this.state = state;
    this.cost = cost ?? this.cost;
    if (answer) this.#answer(answer);
    if (error) this.#failed(error);
    this.#ended(stop, num_steps);
    say(answer ? `Answer: ${answer.text}` : (error?.message ?? "No answer"));
  }

  #build() {
    const { question, within, images, options, parent } = this.asked;
    const chips = [
      within && spanChip(within, () => this.#play(within)),
      parent && el("span", { className: "chip" }, icon("fork"), `from step ${parent.num_kept} of question ${parent.number}`),
    ].filter(Boolean);
    this.now = el("span", { className: "now-doing" }, "Waiting");
    this.summary = el("summary", {}, el("i", { className: "spinner" }), this.now);
    this.list = el("ol");
    this.work = el("details", { className: "work", open: true }, this.summary, this.list);
    this.said = el("div", { className: "answer", hidden: true });
    this.acts = el("div", { className: "acts", hidden: true });
    this.node = el("article", { className: "turn", ariaLabel: `Question ${this.asked.number}` },
      el("div", { className: "asked" },
        images.map((picture) => el("img", { src: picture.url, alt: "Picture of the question" })),
        el("p", {}, question),
        options.length ? el("ul", {}, options.map((option) => el("li", {}, option))) : null,
        chips.length ? el("p", { className: "chips" }, chips) : null),
      this.work, this.said, this.acts);
  }

  #now(text) {
    this.now.textContent = text;
  }

  #play(span) {
    const holds = (piece) => piece.span.start <= span.start + 0.06 && span.start < piece.span.end;
    const video = (this.answered?.evidence ?? []).find(holds)?.video ?? this.answered?.evidence[0]?.video;
    this.on.span({ video, span: { start: span.start, end: span.end ?? span.start + 5 } });
  }

  #step(number) {
    const thought = el("p", { className: "thought", hidden: true });
    const list = el("div", { className: "calls" });
    const fork = iconButton("fork", `Ask again from step ${number} on`, () => this.on.fork(this, number));
    const name = el("span", {}, `Step ${number}`);
    this.list.append(el("li", {}, el("div", { className: "step-head" }, name, fork), thought, list));
    return (this.steps[number - 1] = { name, thought, list });
  }

  #answer(answer) {
    this.answered = answer;
    const chips = answer.evidence.map((piece) => spanChip(piece.span, () => this.on.span(piece)));
    const notes = answer.warnings.map((text) => el("p", { className: "note" }, text));
    this.said.hidden = false;
    this.said.classList.toggle("abstained", answer.abstained);
    this.said.replaceChildren(
      ...(answer.choice ? [el("p", { className: "choice" }, answer.choice)] : []),
      el("p", {}, timed(answer.text, (span) => this.#play(span))),
      ...(chips.length ? [el("p", { className: "chips" }, chips)] : []),
      ...notes,
      this.#figures(answer),
    );
  }

  #figures({ confidence, coverage, verified, abstained }) {
    const parts = [
      confidence !== null && ["Confidence", meter(confidence, "confidence"), `${Math.round(100 * confidence)} %`],
      coverage !== null && ["Looked at", meter(coverage, "looked at"), `${Math.round(100 * coverage)} %`],
      verified !== null && [icon(verified ? "check" : "bad"), verified ? "Checked" : "Not confirmed"],
      abstained && ["Not found in the video"],
    ];
    return el("p", { className: "figures" }, parts.filter(Boolean).map((part) => el("span", {}, part)));
  }

  #failed({ message, hint }) {
    this.said.hidden = false;
    this.said.classList.add("failed");
    this.said.replaceChildren(el("p", {}, icon("bad"), message), ...(hint ? [el("p", { className: "note" }, hint)] : []));
  }

  #ended(stop, num_steps) {
    const calls = [...this.calls.values()].filter((call) => !call.isQuiet).length;
    const parts = [STOPS[stop], count(num_steps, "step"), count(calls, "call"), this.cost && costLine(this.cost)];
    this.summary.replaceChildren(icon("open"), el("span", { className: "now-doing" }, parts.filter(Boolean).join(" · ")));
    this.work.open = false;
    for (const call of this.calls.values()) call.end();
    const judge = (good) => {
      this.on.judge(this, good);
      this.#judged(good ? 1 : -1);
    };
    this.thumbs = [
      iconButton("up", "Good answer", () => judge(true), { ariaPressed: "false" }),
      iconButton("down", "Bad answer", () => judge(false), { ariaPressed: "false" }),
    ];
    const text = this.answered?.text ?? "";
    this.acts.hidden = false;
    this.acts.replaceChildren(
      ...(this.answered ? [...this.thumbs, iconButton("copy", "Copy the answer", () => this.on.copy(text))] : []),
      el("button", { type: "button", className: "plain", onclick: () => this.on.again(this) }, icon("fork"), "Ask again"),
      ...(this.answered && this.answered.verified === null && this.answered.evidence.length
        ? [el("button", { type: "button", className: "plain", onclick: () => this.on.check(this), title: "Ask again with nothing but the evidence" }, icon("check"), "Check")]
        : []),
    );
  }

  #judged(feedback) {
    this.thumbs[0].ariaPressed = String(feedback === 1);
    this.thumbs[1].ariaPressed = String(feedback === -1);
  }
}

/** What a call was given, in a few words. */
function brief(given) {
  const { start_s, end_s, ...rest } = given;
  const span = start_s !== undefined && end_s !== undefined ? range({ start: start_s, end: end_s }) : "";
  const words = Object.values(rest).filter((value) => typeof value === "string" && value).map((value) => `“${value}”`);
  return [...words, span].filter(Boolean).join(" ");
}

/** A call of a tool, and what it gave. */
class Call {
  constructor(name, given) {
    this.isQuiet = name === "answer"; // the answer itself is shown
    this.mark = el("i", { className: "spinner" });
    this.gave = el("span", { className: "gave" });
    this.body = el("div", { className: "call-body" },
      el("dl", {}, Object.entries(given).map(([key, value]) => [
        el("dt", {}, key), el("dd", {}, typeof value === "string" ? value : JSON.stringify(value))])));
    this.node = el("details", { className: "call", hidden: this.isQuiet },
      el("summary", {}, this.mark, el("code", {}, name), el("span", { className: "brief" }, brief(given)), this.gave), this.body);
  }

  fill({ text, pictures, evidence, failure }, on) {
    if (this.isFilled) return;
    this.isFilled = true;
    this.mark.replaceWith((this.mark = icon(failure ? "bad" : "check")));
    if (failure) return this.#failed(failure);
    this.gave.textContent = pictures.length ? count(pictures.length, "picture") : evidence.length ? count(evidence.length, "moment") : "";
    const rows = evidence.slice(0, SHOWN_ROWS).map((piece) => row(piece, () => on.span(piece)));
    if (evidence.length > SHOWN_ROWS) rows.push(el("p", { className: "note" }, `and ${count(evidence.length - SHOWN_ROWS, "more moment")}`));
    if (pictures.length) this.body.append(strip(pictures, on.picture));
    this.body.append(...rows, el("pre", { tabIndex: 0 }, text));
  }

  /** The question has ended: what has no result now gets none. */
  end() {
    if (!this.isFilled) this.mark.replaceWith((this.mark = icon("stop")));
  }

  #failed({ message, hint }) {
    this.node.hidden = false;
    this.isQuiet = false;
    this.node.classList.add("failed");
    this.gave.textContent = "failed";
    this.body.append(el("p", { className: "why" }, message), ...(hint ? [el("p", { className: "note" }, hint)] : []));
  }
}
