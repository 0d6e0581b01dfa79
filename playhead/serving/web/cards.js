// Moments as cards and as rows: a picture, the seconds, what it is. A press plays just that.

import { clock, range, withTimes } from "./clock.js";
import { el, icon } from "./dom.js";

const KINDS = { screen_text: "on screen", speech: "said", picture: "seen", track: "moves" };
const kind = (piece) => KINDS[piece.kind] ?? piece.kind.replaceAll("_", " ");

/** The address of a picture of a moment: what was seen of it, else the frame in its middle. */
function thumbOf(piece, height = 180) {
  if (piece.kind === "picture" && piece.pictures.length) return piece.pictures[0].url;
  const time_s = (piece.span.start + piece.span.end) / 2;
  return `/media/${encodeURIComponent(piece.video)}/thumb/${time_s.toFixed(3)}.jpg?h=${height}`;
}

/** A picture that may fail to come. */
export function image(src, alt = "") {
  const picture = el("img", { src, alt, loading: "lazy", decoding: "async" });
  picture.onerror = () => picture.classList.add("lost");
  return picture;
}

/** How good something is, 0 to 1, as a short bar. */
export function meter(share, label) {
  const fill = el("i");
  fill.style.width = `${Math.round(100 * Math.min(1, Math.max(0, share)))}%`;
  return el("span", { className: "meter", role: "img", ariaLabel: `${label} ${Math.round(100 * share)} %` }, fill);
}

/** A button that plays a span. */
export const spanChip = (span, onclick) =>
  el("button", { type: "button", className: "chip time", ariaLabel: `Play ${range(span)}`, onclick }, icon("play"), range(span));

/** A text in which every time can be pressed. */
export const timed = (text, onSpan) =>
  withTimes(text).map((part) =>
    part.span
      ? el("button", { type: "button", className: "moment", title: "Play", onclick: () => onSpan(part.span) }, part.text)
      : part.text,
  );

/**
 * A moment as a card.
 * @param {object} piece Evidence.
 * @param {{title?: string, onclick: () => void}} more `title`: of its video, where that is not plain.
 */
export function card(piece, { title, onclick }) {
  return el("button", { type: "button", className: "card", onclick },
    image(thumbOf(piece)),
    el("span", { className: "card-time" }, icon("play"), range(piece.span)),
    el("span", { className: "card-text" }, piece.text),
    el("span", { className: "card-kind" }, [kind(piece), title].filter(Boolean).join(" · "),
      piece.score === null ? null : meter(piece.score, "score")));
}

/** A moment as a row. */
export const row = (piece, onclick) =>
  el("button", { type: "button", className: "found", onclick },
    image(thumbOf(piece, 90)),
    el("span", { className: "found-time" }, range(piece.span)),
    el("span", {}, piece.text || kind(piece)),
    piece.score === null ? null : meter(piece.score, "score"));

/** Pictures side by side with their times. */
export const strip = (pictures, onPicture) =>
  el("div", { className: "strip" },
    pictures.map((picture) =>
      el("button", { type: "button", ariaLabel: `Go to ${clock(picture.time_s)}`, onclick: () => onPicture(picture) },
        image(picture.url), el("span", {}, clock(picture.time_s)))));
