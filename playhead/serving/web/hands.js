// Keys, and what is dropped or pasted.

import { clock } from "./clock.js";
import { $, toast } from "./dom.js";

const JUMP_S = 5;

/** Let keys, drops and pastes reach the parts of the page. */
export function listenToHands({ player, timeline, composer, shelf }) {
  let start_s = null;

  function markIn() {
    start_s = player.time;
    toast(`Span starts at ${clock(start_s)}: O ends it`);
  }

  function markOut() {
    const span = { start: start_s ?? Math.max(0, player.time - JUMP_S), end: player.time };
    if (span.end <= span.start) return toast("Out comes after In");
    start_s = null;
    toast("");
    timeline.select(span);
    $("words").focus({ preventScroll: true });
  }

  const keys = {
    " ": () => player.toggle(),
    ArrowLeft: () => player.seek(player.time - JUMP_S),
    ArrowRight: () => player.seek(player.time + JUMP_S),
    ",": () => player.step(-1),
    ".": () => player.step(1),
    i: markIn,
    o: markOut,
    Escape: () => timeline.select(null),
    "+": () => timeline.part.step(2),
    "=": () => timeline.part.step(2),
    "-": () => timeline.part.step(1 / 2),
    0: () => timeline.part.whole(),
    "/": () => $("query").focus(),
  };

  function take(files) {
    const isImage = ({ type }) => type.startsWith("image/");
    const images = files.filter(isImage);
    if (images.length) composer.attach(images[0]);
    if (images.length < files.length) shelf.add(files.filter((file) => !isImage(file)));
  }

  $("mark-in").onclick = markIn;
  $("mark-out").onclick = markOut;
  document.addEventListener("keydown", (event) => {
    const { target, key } = event;
    const isTyping = target.matches("input, textarea, select") || target.closest("dialog, #menu");
    const isPress = key === " " && target.closest("button, a, summary");
    const act = keys[key.length === 1 ? key.toLowerCase() : key];
    if (!act || isTyping || isPress || event.ctrlKey || event.metaKey || event.altKey || !player.facts) return;
    event.preventDefault();
    act();
  });
  document.addEventListener("paste", (event) => take([...event.clipboardData.files]));
  document.addEventListener("dragover", (event) => {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    $("drop").hidden = false;
  });
  document.addEventListener("dragleave", ({ relatedTarget }) => {
    if (relatedTarget === null) $("drop").hidden = true; // it left the window
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    $("drop").hidden = true;
    take([...event.dataTransfer.files]);
  });
}
