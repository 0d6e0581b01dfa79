// The left side: the videos of the library, uploads on their way, and sessions.

import { upload } from "./api.js";
import { ago, clock } from "./clock.js";
import { $, ask, el, iconButton, openMenu } from "./dom.js";
import { image } from "./cards.js";

/** What is known of the index of a video, in a few words. */
export function indexWords({ file, index }) {
  if (file === "gone") return "file is gone";
  if (index.state === "indexing") return `indexing ${Math.floor(100 * index.share)} %`;
  return index.state === "problems" ? "parts unreadable" : "";
}

/** How a session is called. */
export const nameOf = (session) => session?.title ?? session?.first_question ?? "New session";

export class Shelf {
  /** @param {object} on What a press does: `video`, `session`, `added`, and `rename...`, `delete...`. */
  constructor(on) {
    this.on = on;
    this.videos = this.sessions = [];
    $("filter").oninput = () => this.#draw();
    $("add").onclick = $("choose").onclick = () => $("files").click();
    $("files").onchange = () => this.add([...$("files").files]);
    $("new").onclick = () => on.session(null);
    $("open-shelf").onclick = () => this.open(!document.body.classList.contains("shelf-open"));
    $("shade").onclick = () => this.open(false);
  }

  /** Show or hide it, where it is not always there. */
  open(isOpen) {
    document.body.classList.toggle("shelf-open", isOpen);
    $("open-shelf").setAttribute("aria-expanded", String(isOpen));
    $("shade").hidden = !isOpen;
  }

  /** Draw what there is. */
  show({ videos, sessions, video, session }) {
    Object.assign(this, { videos, sessions, video, session });
    const shown = JSON.stringify([videos, sessions, video, session]);
    if (shown !== this.shown) this.#draw();
    this.shown = shown;
  }

  /** Send files to the library, one after the other. */
  async add(files) {
    $("files").value = "";
    const waiting = files.map((file) => this.#waiting(file));
    for (const one of waiting) await one.send();
  }

  #waiting(file) {
    const bar = el("progress", { max: 1, value: 0, ariaLabel: `Upload of ${file.name}` });
    const words = el("small", {}, "waiting");
    const item = el("li", { className: "upload" }, el("span", { className: "name" }, file.name), words, bar);
    const drop = iconButton("close", `Cancel the upload of ${file.name}`, () => item.remove());
    item.append(drop);
    $("uploads").append(item);
    const send = async () => {
      if (!item.isConnected) return;
      const sending = upload(file, (share) => {
        bar.value = share;
        words.textContent = share < 1 ? `${Math.floor(100 * share)} %` : "reading it";
      });
      drop.onclick = () => (sending.cancel(), item.remove());
      try {
        const added = await sending.done;
        item.remove();
        await this.on.added(added);
      } catch (error) {
        item.classList.add("failed");
        words.textContent = [error.message, error.hint].filter(Boolean).join(": ");
        bar.remove();
      }
    };
    return { send };
  }

  #draw() {
    const wanted = $("filter").value.trim().toLowerCase();
    const fits = (text) => text.toLowerCase().includes(wanted);
    const titles = new Map(this.videos.map(({ id, title }) => [id, title]));
    const about = ({ videos }) =>
      videos.length > 2 ? `${videos.length} videos` : videos.map((id) => titles.get(id) ?? "forgotten video").join(", ");
    this.#list("videos", this.videos.filter(({ title }) => fits(title)), (video) => this.#video(video), "No videos yet");
    this.#list("sessions", this.sessions.filter((one) => fits(nameOf(one) + about(one))), (one) => this.#session(one, about(one)),
      "Questions you ask are kept here");
    $("filter").closest("label").hidden = this.videos.length + this.sessions.length < 6 && !wanted;
  }

  #list(id, things, draw, none) {
    const empty = el("li", { className: "none" }, $("filter").value ? "Nothing fits" : none);
    const focused = document.activeElement?.closest?.(`#${id} [data-id]`)?.dataset.id;
    $(id).replaceChildren(...(things.length ? things.map(draw) : [empty]));
    if (focused) $(id).querySelector(`[data-id="${CSS.escape(focused)}"] .pick`)?.focus({ preventScroll: true });
  }

  #item(thing, isCurrent, parts, pick, menu) {
    const name = thing.title ?? nameOf(thing);
    const main = el("button", { type: "button", className: "pick", ariaCurrent: isCurrent ? "true" : null, onclick: pick }, parts);
    const more = iconButton("more", `More: ${name}`, () => openMenu(more, menu), { ariaHasPopup: "menu" });
    const item = el("li", {}, main, more);
    item.dataset.id = thing.id;
    return item;
  }

  #video(video) {
    const { id, title, duration_s, index } = video;
    const words = [clock(duration_s, false), indexWords(video)].filter(Boolean).join(" · ");
    const parts = [
      image(`/media/${encodeURIComponent(id)}/thumb/${(duration_s / 10).toFixed(1)}.jpg?h=90`),
      el("span", { className: "name", title }, title),
      el("small", {}, words),
      index.state === "indexing" ? el("progress", { max: 1, value: index.share, ariaLabel: "Indexed" }) : null,
    ];
    return this.#item(video, id === this.video, parts, () => this.on.video(id), [
      { label: "Rename", act: () => this.#rename("video", id, title) },
      { label: "Download the file", href: video.media.url },
      { label: "Delete", bad: true, act: () => this.#delete("video", id, `Delete “${title}”?`,
        "It is forgotten, with all that was seen in it. An uploaded file is removed.") },
    ]);
  }

  #session(session, about) {
    const { id, created, state } = session;
    const isBusy = state === "running" || state === "waiting";
    const parts = [
      el("span", { className: "name", title: nameOf(session) }, nameOf(session)),
      el("small", {}, isBusy ? el("i", { className: "spinner", role: "img", ariaLabel: "answering" }) : null, `${ago(created)} · ${about}`),
    ];
    const file = (format) => `/api/sessions/${encodeURIComponent(id)}/export?format=${format}`;
    return this.#item(session, id === this.session, parts, () => this.on.session(id), [
      { label: "Rename", act: () => this.#rename("session", id, nameOf(session)) },
      { label: "Export to read (Markdown)", href: file("markdown") },
      { label: "Export the records (JSON lines)", href: file("jsonl") },
      { label: "Delete", bad: true, act: () => this.#delete("session", id, "Delete this session?", `“${nameOf(session)}” and its answers are forgotten.`) },
    ]);
  }

  async #rename(what, id, value) {
    const title = await ask({ title: `Name of the ${what}`, value, yes: "Rename" });
    if (title) this.on.rename(what, id, title.slice(0, 200));
  }

  async #delete(what, id, title, text) {
    if ((await ask({ title, text, yes: "Delete", bad: true })) !== null) this.on.delete(what, id);
  }
}
