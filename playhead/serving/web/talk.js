// A session: its questions, asked and followed to their end, and what is drawn of all of them.

import * as api from "./api.js";
import { card } from "./cards.js";
import { costLine, sumOf } from "./clock.js";
import { Composer } from "./composer.js";
import { $, attempt, copy, el, icon, toast } from "./dom.js";
import { examples } from "./examples.js";
import { state, videoOf } from "./state.js";
import { saveAddress } from "./top.js";
import { Turn } from "./turn.js";

const NEAR_PX = 120; // so near the end, the talk keeps scrolling

const pathOf = (session) => `/api/sessions/${encodeURIComponent(session)}`;

export class Talk {
  /**
   * @param {Timeline} timeline Where it draws what was looked at, and evidence.
   * @param {object} on What a press does: `video` (by its id), `seek`, `play` (a moment), `find` (by a picture);
   *   and what changed: `session` (it is another one), `asked` (a question began or ended).
   */
  constructor(timeline, on) {
    Object.assign(this, { timeline, on, turns: [], evidence: [], opening: null, isAtEnd: true });
    this.composer = new Composer({
      ask: (what) => this.ask(what),
      stop: () => attempt(() => api.post(`${pathOf(state.session)}/stop`)),
      find: on.find,
      unselect: () => timeline.select(null),
    });
    this.stopListening = () => {};
    $("turns").onscroll = ({ target: { scrollHeight, scrollTop, clientHeight } }) =>
      (this.isAtEnd = scrollHeight - scrollTop - clientHeight < NEAR_PX);
  }

  get isEmpty() {
    return !this.turns.length;
  }

  /** A new session; the server hears of it with its first question. */
  begin() {
    this.stopListening();
    state.session = null;
    Object.assign(this, { opening: null, turns: [], evidence: [] });
    $("turns").replaceChildren();
    this.composer.busy(false);
    this.composer.clear();
    this.on.session();
    this.suggest();
    this.draw();
    this.#drawCost();
    saveAddress();
  }

  /** A session that the server has; at a second of a video, if they are given. */
  async open(id, { video, time_s } = {}) {
    this.opening = id;
    const found = await api.get(pathOf(id));
    if (this.opening !== id) return; // something else was chosen meanwhile
    this.begin();
    state.session = id;
    const known = found.videos.filter(videoOf);
    this.on.video(video ?? (known.includes(state.video) ? state.video : (known[0] ?? state.video)));
    for (const question of found.questions) {
      const turn = this.#add(question);
      const isOver = question.state === "answered" || question.state === "failed";
      if (isOver) turn.replay(question);
      else this.#follow(turn, question.events_url);
    }
    if (!found.questions.length) this.suggest();
    if (time_s !== undefined) this.on.seek(time_s);
    this.on.session();
    saveAddress();
  }

  async ask({ question, options = [], within = null, image = null, fork = null, verify = null }) {
    if (!state.session) {
      const isAll = !$("scope").hidden && $("scope").value === "all";
      const made = await api.post("/api/sessions", { videos: isAll ? null : [state.video], effort: $("effort").value });
      state.session = made.id;
      state.sessions.unshift(made);
    }
    const session = state.session;
    const words = fork?.question === question ? null : question;
    const asked = fork
      ? await api.post(`${pathOf(session)}/fork`, { number: fork.number, step: fork.step, question: words })
      : await api.post(`${pathOf(session)}/ask`, { question, options, within, image, verify, effort: $("effort").value });
    if (state.session !== session) return; // another one is looked at by now
    const images = image ? [{ url: image }] : [];
    const parent = fork && { number: fork.number, num_kept: fork.step };
    const turn = this.#add({ number: asked.number, question, options, within, images, parent });
    this.#follow(turn, asked.events_url);
    this.timeline.select(null);
    saveAddress();
    this.on.asked();
  }

  /** Draw what lies in the chosen video. */
  draw() {
    this.#drawLooked();
    this.#drawEvidence();
  }

  /** Questions to begin with, as long as there is none. */
  suggest() {
    const video = videoOf(state.video);
    if (!video) return $("turns").replaceChildren();
    const choices = examples(state.known, video).map((question) =>
      el("button", { type: "button", className: "example", onclick: () => attempt(() => this.ask({ question })) }, question, icon("send")));
    $("turns").replaceChildren(
      el("div", { className: "empty" },
        el("h3", {}, "What do you want to know?"),
        el("p", { className: "dim" }, "Ask in your own words, or begin with one of these."),
        choices,
        el("p", { className: "dim keys" }, "Mark a span with ", el("kbd", {}, "I"), " and ", el("kbd", {}, "O"),
          " to ask about just that. Paste a picture to look for it.")));
  }

  #add(asked) {
    const turn = new Turn(asked, {
      span: (piece) => {
        this.#showEvidence(turn);
        this.on.play(piece);
      },
      picture: ({ video, time_s }) => {
        if (video && video !== state.video) this.on.video(video);
        this.on.seek(time_s);
      },
      fork: (_, step) => this.composer.forkFrom(turn, step),
      again: () => this.composer.forkFrom(turn, 0),
      check: ({ asked: { question, options, within } }) =>
        attempt(() => this.ask({ question, options, within, verify: true })),
      judge: ({ asked: { number } }, good) =>
        attempt(async () => {
          await api.post(`${pathOf(state.session)}/feedback`, { number, good });
          toast("Kept for training");
        }),
      copy: (text) => attempt(() => copy(text, "Answer copied")),
      changed: (_, name) => this.#hear(turn, name),
    });
    if (this.isEmpty) $("turns").replaceChildren();
    this.turns.push(turn);
    $("turns").append(turn.node);
    turn.node.scrollIntoView({ block: "end" });
    this.isAtEnd = true;
    this.#drawEvidence();
    return turn;
  }

  #follow(turn, url) {
    const parent = this.turns.find(({ asked }) => asked.number === turn.asked.parent?.number);
    if (parent) turn.keep(parent);
    this.composer.busy(true);
    this.stopListening();
    this.stopListening = api.listen(url, (name, data) => turn.hear(name, data), (isLost) => turn.lost(isLost));
  }

  #hear(turn, name) {
    if (name === "observation") this.#drawLooked();
    if (name === "answer" || name === "done") this.#showEvidence(turn);
    if (turn.cost) this.#drawCost();
    if (this.isAtEnd) $("turns").scrollTop = $("turns").scrollHeight;
    if (name !== "done" || this.turns.at(-1) !== turn) return;
    this.composer.busy(false);
    this.on.asked();
  }

  #drawLooked() {
    const mine = ({ video }) => video === state.video;
    this.timeline.looked(
      this.turns.flatMap((turn) => turn.spans.filter(mine)),
      this.turns.flatMap((turn) => turn.times.filter(mine).map(({ time_s }) => time_s)),
    );
  }

  #showEvidence(turn) {
    if (!turn.answered) return;
    this.evidence = turn.answered.evidence;
    this.#drawEvidence();
  }

  #drawEvidence() {
    const mine = this.evidence.filter((piece) => piece.video === state.video);
    this.timeline.evidence(mine.map((piece) => ({ ...piece.span, text: piece.text })));
    const titled = (piece) => (piece.video === state.video ? "" : (videoOf(piece.video)?.title ?? ""));
    const cards = this.evidence.map((piece) => card(piece, { title: titled(piece), onclick: () => this.on.play(piece) }));
    $("evidence").hidden = this.isEmpty;
    $("evidence").replaceChildren(
      el("h2", {}, "Evidence"),
      cards.length ? el("div", { className: "cards" }, cards) : el("p", { className: "dim" }, "The seconds that prove an answer appear here."),
    );
  }

  #drawCost() {
    const costs = this.turns.map((turn) => turn.cost).filter(Boolean);
    $("cost").textContent = costs.length ? costLine(sumOf(costs)) : "";
  }
}
