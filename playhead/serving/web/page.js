// The page: the library, the chosen video along its time, and how the parts hear of each other.

import * as api from "./api.js";
import { $, attempt, complain, el, toast } from "./dom.js";
import { Found } from "./found.js";
import { listenToHands } from "./hands.js";
import { Player } from "./player.js";
import { Shelf, indexWords } from "./shelf.js";
import { NOTHING, sessionOf, state, videoOf } from "./state.js";
import { Talk } from "./talk.js";
import { Timeline } from "./timeline.js";
import { listenToTop, saveAddress } from "./top.js";

const POLL_MS = 2500;

const encoded = encodeURIComponent;
let sprite = null; // pictures all over the chosen video

const player = new Player((time_s) => timeline.time(time_s));
const timeline = new Timeline($("timeline"), {
  seek: (time_s) => player.seek(time_s),
  playSpan: (span) => player.playSpan(span),
  select: (span) => talk.composer.about(span),
});
const found = new Found(timeline, playMoment);
const talk = new Talk(timeline, {
  video: (id) => chooseVideo(id),
  seek: (time_s) => player.seek(time_s),
  play: playMoment,
  find: (image) => found.picture(image),
  session: drawShelf,
  asked: () => attempt(refresh),
});
const shelf = new Shelf({
  video: (id) => chooseVideo(id, { isFresh: !state.session || !sessionOf(state.session)?.videos.includes(id) }),
  session: (id) => attempt(() => (id ? talk.open(id) : begin())),
  added: async (video) => {
    await refresh();
    if (talk.isEmpty) chooseVideo(video.id, { isFresh: true });
    else toast(`${video.title} was added`);
  },
  rename: (what, id, title) => attempt(async () => {
    await api.patch(`/api/${what}s/${encoded(id)}`, { title });
    await refresh();
  }),
  delete: (what, id) => attempt(() => forget(what, id)),
});

// The library and the sessions

async function refresh() {
  const [{ videos }, { sessions }] = await Promise.all([api.get("/api/videos"), api.get("/api/sessions")]);
  const before = videoOf(state.video)?.index.share;
  Object.assign(state, { videos, sessions });
  drawShelf();
  const now = videoOf(state.video);
  if (now) player.show(now);
  if (now && before !== undefined && before !== now.index.share) learn();
}

function drawShelf() {
  shelf.show(state);
  const video = videoOf(state.video);
  $("welcome").hidden = state.videos.length > 0;
  $("watch").hidden = $("talk").hidden = !state.videos.length;
  $("share").hidden = !state.videos.length;
  $("title").textContent = video?.title ?? "";
  document.title = video ? `${video.title} · Playhead` : "Playhead";
  $("facts").textContent = video ? [`${video.width} × ${video.height}`, indexWords(video)].filter(Boolean).join(" · ") : "";
  $("talk-title").textContent = state.session ? (sessionOf(state.session)?.title ?? "Questions") : "New session";
  $("scope").hidden = Boolean(state.session) || state.videos.length < 2;
}

/** Look every few seconds how the indexing goes on, and what sessions do. */
async function watch() {
  const isAtWork = ({ state }) => state === "running" || state === "waiting";
  const isBusy = state.videos.some(({ index }) => index.state === "indexing") || state.sessions.some(isAtWork);
  if (isBusy && !document.hidden) await refresh().catch(() => {});
  setTimeout(watch, POLL_MS);
}

async function forget(what, id) {
  await api.remove(`/api/${what}s/${encoded(id)}`);
  if (what === "session" && id === state.session) talk.begin();
  if (what === "video" && id === state.video) state.video = null;
  await refresh();
  if (!state.video) chooseVideo(state.videos[0]?.id ?? null, { isFresh: true });
}

function begin() {
  talk.begin();
  shelf.open(false);
  $("words").focus();
}

// The chosen video

function chooseVideo(id, { isFresh = false } = {}) {
  shelf.open(false);
  const isOther = id !== state.video;
  state.video = id;
  if (isFresh) talk.begin();
  if (isFresh) found.clear();
  player.show(videoOf(id));
  drawShelf();
  if (isOther) {
    state.known = NOTHING;
    timeline.select(null);
    drawTimeline();
    learn();
  }
  saveAddress();
}

/** Load what is known of the chosen video, along its time. */
async function learn() {
  const id = state.video, path = encoded(id ?? "");
  const known = id ? await api.get(`/api/videos/${path}/timeline`).catch(() => NOTHING) : NOTHING;
  if (id !== state.video) return;
  state.known = known;
  drawTimeline();
  if (talk.isEmpty) talk.suggest();
  if (!id || sprite?.id === id) return;
  const pictures = await api.get(`/media/${path}/sprite`).catch(() => null);
  if (id !== state.video || !pictures) return;
  sprite = { ...pictures, id };
  drawTimeline();
}

function drawTimeline() {
  timeline.show(videoOf(state.video), state.known, sprite?.id === state.video ? sprite : null);
  timeline.time(player.time);
  found.draw();
  talk.draw();
}

/** Play a moment, in its own video. */
function playMoment({ video, span }) {
  if (video && video !== state.video) chooseVideo(video);
  player.playSpan(span);
  $("stage").scrollIntoView({ block: "nearest" });
}

// Starting

async function start() {
  const address = new URLSearchParams(location.hash.slice(1));
  if (address.has("token")) await api.post("/api/login", { token: address.get("token") }).catch(complain);
  talk.composer.busy(false);
  const about = await api.get("/api/about");
  $("about").textContent = `Playhead ${about.version} · ${about.model}`;
  $("effort").replaceChildren(...about.efforts.map((effort) => el("option", { value: effort }, effort)));
  $("effort").value = about.effort;
  await refresh();
  const time_s = address.has("t") ? Number(address.get("t")) : undefined;
  const video = videoOf(address.get("v"))?.id;
  const opened = address.has("s") && (await talk.open(address.get("s"), { video, time_s }).then(() => true, complain));
  if (!opened) {
    chooseVideo(video ?? state.videos[0]?.id ?? null, { isFresh: true });
    if (time_s !== undefined) player.seek(time_s);
  }
  watch();
}

listenToTop(player);
listenToHands({ player, timeline, composer: talk.composer, shelf });
attempt(start);
