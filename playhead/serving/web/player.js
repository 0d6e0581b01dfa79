// The player: one <video>, whatever the file, and playing just a span of it.
//
// A file that the browser cannot play is played from a copy that the server makes. Times are seconds
// from the first picture, in both.

import { get, post } from "./api.js";
import { clock, range } from "./clock.js";
import { $, icon } from "./dom.js";

const NUDGE_S = 0.001; // a time at the very start of a picture means that picture, whatever the rounding
const POLL_MS = 700;

export class Player {
  /** @param {(time_s: number) => void} onTime Is told where the playhead is, also while it moves. */
  constructor(onTime) {
    this.video = $("video");
    this.facts = null;
    this.span = null;
    this.onTime = onTime;
    this.isCopy = false;
    this.#wire();
  }

  get time() {
    return this.video.currentTime;
  }

  get duration() {
    return this.facts?.duration_s ?? 0;
  }

  /** Put a video in. Nothing changes if it is there. */
  show(facts) {
    const isSame = this.facts?.id === facts?.id;
    this.facts = facts;
    if (isSame) return;
    this.#leaveSpan();
    this.video.pause();
    this.isCopy = false;
    $("veil").hidden = true;
    this.video.removeAttribute("src");
    this.video.load();
    if (!facts) return;
    if (facts.file === "gone") this.#veil("The file of this video is gone. What was seen in it is still known.");
    else if (facts.media.plays === "no") this.#copy();
    else this.video.src = facts.media.url;
  }

  /** Go to a second. */
  seek(time_s) {
    this.#leaveSpan();
    this.#go(time_s);
  }

  /** Play a span from its start, and stop at its end. */
  playSpan({ start, end }) {
    const span = (this.span = { start, end: Math.min(end, this.duration) });
    this.#go(start);
    $("span-chip").hidden = false;
    $("span-chip").replaceChildren(range(span), icon("close"));
    const begin = () => this.span === span && this.#start(); // once its first picture is there
    if (this.video.readyState) this.video.addEventListener("seeked", begin, { once: true });
    else begin();
  }

  toggle() {
    if (this.video.paused) this.#start();
    else this.video.pause();
  }

  /** So many pictures on or back. */
  step(num) {
    this.video.pause();
    this.seek(this.time + num / (this.facts?.fps ?? 25));
  }

  #start() {
    this.video.play().catch(() => {}); // the error event says why
  }

  #go(time_s) {
    const last = Math.max(0, this.duration - NUDGE_S);
    this.video.currentTime = Math.min(Math.max(0, time_s) + NUDGE_S, last);
    this.#tell();
  }

  #leaveSpan() {
    this.span = null;
    $("span-chip").hidden = true;
  }

  #tell() {
    $("clock").textContent = `${clock(this.time)} / ${clock(this.duration)}`;
    this.onTime(this.time);
  }

  #watch() {
    this.#tell();
    const { span, video } = this;
    if (span && video.currentTime >= span.end - NUDGE_S && !video.seeking) {
      video.pause();
      video.currentTime = Math.max(span.start, span.end - 2 * NUDGE_S); // the last picture of the span
      this.#leaveSpan();
    }
    if (!video.paused) requestAnimationFrame(() => this.#watch());
  }

  #veil(text) {
    $("veil").textContent = text;
    $("veil").hidden = false;
  }

  /** Play the server's copy; have it made first, if need be. */
  async #copy() {
    const { id } = this.facts, at = this.time;
    this.isCopy = true;
    try {
      for (let copy; ; await new Promise((wake) => setTimeout(wake, POLL_MS))) {
        copy = copy ? (await get(`/api/videos/${id}`)).media.proxy : await post(`/api/videos/${id}/proxy`);
        if (this.facts?.id !== id) return;
        if (copy.state === "failed") return this.#veil("This video cannot be played. Questions about it still can be asked.");
        if (copy.state === "ready") {
          $("veil").hidden = true;
          this.video.src = copy.url;
          return this.#go(at);
        }
        this.#veil(`Making a copy that your browser can play: ${Math.round(copy.share * 100)} %`);
      }
    } catch (error) {
      if (this.facts?.id === id) this.#veil(`${error.message}.`);
    }
  }

  #wire() {
    const { video } = this;
    const drawPlay = () => {
      $("play").replaceChildren(icon(video.paused ? "play" : "pause"));
      $("play").ariaLabel = video.paused ? "Play" : "Pause";
    };
    const drawMute = () => {
      $("mute").replaceChildren(icon(video.muted ? "mute" : "sound"));
      $("mute").ariaLabel = video.muted ? "Sound on" : "Mute";
    };
    video.onplay = () => (drawPlay(), this.#watch());
    video.onpause = drawPlay;
    video.onvolumechange = drawMute;
    video.ontimeupdate = video.onseeked = video.onloadedmetadata = () => this.#watch();
    video.onerror = () => video.getAttribute("src") && !this.isCopy && this.#copy();
    video.onclick = $("play").onclick = () => this.toggle();
    $("mute").onclick = () => (video.muted = !video.muted);
    $("speed").onchange = () => (video.playbackRate = Number($("speed").value));
    $("full").onclick = () => (document.fullscreenElement ? document.exitFullscreen() : $("stage").requestFullscreen());
    $("span-chip").onclick = () => this.#leaveSpan();
    $("span-chip").title = "Playing just this span: press to play on";
    drawPlay();
    drawMute();
  }
}
