// What is looked for in the videos, and the moments that were found.

import * as api from "./api.js";
import { card } from "./cards.js";
import { $, attempt, el, iconButton, say } from "./dom.js";
import { state } from "./state.js";

const MOST = 8;

export class Found {
  /**
   * @param {Timeline} timeline Where hits are drawn, too.
   * @param {(hit: object) => void} play
   */
  constructor(timeline, play) {
    Object.assign(this, { timeline, play, hits: [], sought: "" });
    $("search").onsubmit = (event) => {
      event.preventDefault();
      const text = $("query").value.trim();
      if (text) this.#find({ text, videos: [state.video] }, `“${text}”`);
      else this.clear();
    };
  }

  /** Find where a picture, a data URL, is seen. */
  async picture(image) {
    await this.#find({ image }, "this picture");
    $("hits").scrollIntoView({ block: "nearest" });
  }

  clear() {
    this.#show([]);
  }

  /** Draw the hits, those in the chosen video also along its time. */
  draw() {
    const { hits, sought } = this, isMine = ({ video }) => video === state.video;
    this.timeline.hits(hits.filter(isMine).map((hit) => ({ ...hit.span, text: hit.evidence.text })));
    const cards = hits.map((hit) =>
      card({ ...hit.evidence, span: hit.span }, { title: isMine(hit) ? "" : hit.title, onclick: () => this.play(hit) }));
    $("hits").hidden = !sought;
    $("hits").replaceChildren(
      el("div", { className: "head" }, el("h2", {}, hits.length ? "Found" : `Nothing found for ${sought}`),
        iconButton("close", "Close", () => (($("query").value = ""), this.clear()))),
      el("div", { className: "cards" }, cards));
  }

  #find(what, sought) {
    return attempt(async () => this.#show((await api.post("/api/search", { k: MOST, ...what })).hits, sought));
  }

  #show(hits, sought = "") {
    Object.assign(this, { hits, sought });
    this.draw();
    if (sought) say(`${hits.length} found`);
  }
}
