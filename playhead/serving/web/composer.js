// Where a question is written: its words, a span, a picture, a step to go on from.

import { dataUrl } from "./api.js";
import { range } from "./clock.js";
import { $, complain, el, icon } from "./dom.js";

export class Composer {
  /** @param {object} on What is done then: `ask`, `stop`, `find` (by a picture), `unselect`. */
  constructor(on) {
    this.on = on;
    this.span = this.image = this.fork = null;
    this.isBusy = false;
    $("composer").onsubmit = (event) => (event.preventDefault(), this.#send());
    $("words").onkeydown = (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      if (!this.isBusy) this.#send();
    };
    $("words").oninput = () => this.#fit();
    $("words").onpaste = (event) => this.#paste(event);
    $("attach").onclick = () => $("picture").click();
    $("picture").onchange = () => this.attach($("picture").files[0]);
  }

  /** Whether a question of the session is being answered: then the button stops it. */
  busy(isBusy) {
    this.isBusy = isBusy;
    $("send").ariaLabel = $("send").title = isBusy ? "Stop, and take the best answer so far" : "Ask";
    $("send").classList.toggle("stop", isBusy);
    $("send").replaceChildren(icon(isBusy ? "stop" : "send"));
  }

  /** Ask about a part of the video only. Null: about all of it. */
  about(span) {
    this.span = span;
    this.#draw();
  }

  /** Ask again from a step of a question on. */
  forkFrom(turn, step) {
    this.fork = { number: turn.asked.number, step, question: turn.asked.question };
    this.write(turn.asked.question);
    this.#draw();
  }

  /** Write words, ready to be sent. */
  write(text) {
    $("words").value = text;
    this.#fit();
    $("words").focus();
  }

  /** Let a picture belong to the question. */
  async attach(file) {
    $("picture").value = "";
    if (!file) return;
    try {
      this.image = await dataUrl(file);
    } catch {
      return complain({ message: "This picture cannot be read" });
    }
    this.#draw();
    $("words").focus();
  }

  /** Nothing but an empty field. */
  clear() {
    this.span = this.image = this.fork = null;
    $("words").value = "";
    this.#fit();
    this.#draw();
  }

  async #send() {
    if (this.isBusy) return this.on.stop();
    const question = $("words").value.trim();
    if (!question) return this.image ? this.on.find(this.image) : $("words").focus();
    const { span, image, fork } = this;
    this.busy(true);
    try {
      await this.on.ask({ question, within: span, image, fork });
      this.clear();
    } catch (error) {
      this.busy(false);
      complain(error);
    }
  }

  #paste(event) {
    const file = [...event.clipboardData.files].find(({ type }) => type.startsWith("image/"));
    if (!file) return;
    event.preventDefault();
    event.stopPropagation();
    this.attach(file);
  }

  #fit() {
    const { style } = $("words");
    style.height = "auto";
    style.height = `${Math.min($("words").scrollHeight, 160)}px`;
  }

  #draw() {
    const chip = (content, label, drop) =>
      el("span", { className: "chip" }, content,
        el("button", { type: "button", ariaLabel: label, onclick: () => (drop(), this.#draw()) }, icon("close")));
    const { span, image, fork } = this;
    const chips = [
      span && chip(`About ${range(span)}`, "Ask about all of it", () => this.on.unselect()),
      fork && chip(`From step ${fork.step} of question ${fork.number}`, "Ask from the start", () => (this.fork = null)),
      image && chip(el("img", { src: image, alt: "Picture of the question" }), "Without the picture", () => (this.image = null)),
      image && el("button", { type: "button", className: "plain", onclick: () => this.on.find(image) }, icon("find"), "Find this picture"),
    ].filter(Boolean);
    $("attached").replaceChildren(...chips);
  }
}
