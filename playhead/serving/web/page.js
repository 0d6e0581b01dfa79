// The page: what is chosen, and how its parts hear of each other.
//
// The address says what is on the page: `#s=SESSION&v=VIDEO&t=SECONDS`. So a link shares it, and a
// reload keeps it.

import * as api from "./api.js";
import { clock, costLine, sumOf } from "./clock.js";
import { card } from "./cards.js";
import { Composer } from "./composer.js";
import { $, ask, complain, el, icon, iconButton, say, toast } from "./dom.js";
import { examples } from "./examples.js";
import { listenToHands } from "./hands.js";
import { Player } from "./player.js";
import { Shelf, indexWords } from "./shelf.js";
import { Timeline } from "./timeline.js";
import { Turn } from "./turn.js";

const POLL_MS = 2500;
const NOTHING = { shots: [], chapters: [], lines: [], looked_at: [] };
const NEAR_PX = 120; // so near the end, the talk keeps scrolling

const state = {
  videos: [],
  sessions: [],
  video: null, // ids of what is chosen
  session: null,
  opening: null,
  known: NOTHING, // of the chosen video
  sprite: null,
  turns: [], // of the session
  evidence: [],
  hits: [],
  sought: "",
  isAtEnd: true,
};
let stopListening = () => {};

const encoded = encodeURIComponent;
const videoOf = (id) => state.videos.find((video) => video.id === id) ?? null;
const sessionOf = (id) => state.sessions.find((session) => session.id === id) ?? null;

const player = new Player((time_s) => timeline.time(time_s));
const timeline = new Timeline($("timeline"), {
  seek: (time_s) => player.seek(time_s),
  playSpan: (span) => player.playSpan(span),
  select: (span) => composer.about(span),
});
const composer = new Composer({ ask: askQuestion, stop: stopQuestion, find: findPicture, unselect: () => timeline.select(null) });
const shelf = new Shelf({
  video: (id) => chooseVideo(id, { isFresh: !state.session || !sessionOf(state.session)?.videos.includes(id) }),
  session: (id) => attempt(() => (id ? openSession(id) : begin())),
  added: async (video) => {
    await refresh();
    if (state.turns.length) toast(`${video.title} was added`);
    else chooseVideo(video.id, { isFresh: true });
  },
  rename: (what, id, title) => attempt(async () => {
    await api.patch(`/api/${what}s/${encoded(id)}`, { title });
    await refresh();
  }),
  delete: (what, id) => attempt(() => forget(what, id)),
});

/** Do something; where it fails, tell why. */
async function attempt(work) {
  try {
    return await work();
  } catch (error) {
    complain(error);
  }
}

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
  if (what === "session" && id === state.session) newSession();
  if (what === "video" && id === state.video) state.video = null;
  await refresh();
  if (!state.video) chooseVideo(state.videos[0]?.id ?? null, { isFresh: true });
}

function chooseVideo(id, { isFresh = false } = {}) {
  shelf.open(false);
  const isOther = id !== state.video;
  state.video = id;
  if (isFresh) newSession();
  if (isFresh) showHits([]);
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
  if (!state.turns.length) drawEmpty();
  if (!id || state.sprite?.id === id) return;
  const sprite = await api.get(`/media/${path}/sprite`).catch(() => null);
  if (id !== state.video || !sprite) return;
  state.sprite = { ...sprite, id };
  drawTimeline();
}

function drawTimeline() {
  timeline.show(videoOf(state.video), state.known, state.sprite?.id === state.video ? state.sprite : null);
  timeline.time(player.time);
  drawHits();
  drawLooked();
  drawEvidence();
}

// A session

function newSession() {
  stopListening();
  Object.assign(state, { session: null, opening: null, turns: [], evidence: [] });
  $("turns").replaceChildren();
  composer.busy(false);
  composer.clear();
  drawShelf();
  drawEmpty();
  drawLooked();
  drawEvidence();
  drawCost();
  saveAddress();
}

function begin() {
  newSession();
  shelf.open(false);
  $("words").focus();
}

async function openSession(id, { video, time_s } = {}) {
  state.opening = id;
  const found = await api.get(`/api/sessions/${encoded(id)}`);
  if (state.opening !== id) return; // something else was chosen meanwhile
  newSession();
  state.session = id;
  const known = found.videos.filter(videoOf);
  chooseVideo(video ?? (known.includes(state.video) ? state.video : (known[0] ?? state.video)));
  for (const question of found.questions) {
    const turn = addTurn(question);
    const isOver = question.state === "answered" || question.state === "failed";
    if (isOver) turn.replay(question);
    else follow(turn, question.events_url);
  }
  if (!found.questions.length) drawEmpty();
  if (time_s !== undefined) player.seek(time_s);
  drawShelf();
  saveAddress();
}

function addTurn(asked) {
  const turn = new Turn(asked, {
    span: (piece) => {
      showEvidence(turn);
      showPiece(piece);
    },
    picture: ({ video, time_s }) => {
      if (video && video !== state.video) chooseVideo(video);
      player.seek(time_s);
    },
    fork: ({ asked: { number } }, step) => composer.forkFrom(turn, step),
    again: () => composer.forkFrom(turn, 0),
    check: ({ asked: { question, options, within } }) =>
      attempt(() => askQuestion({ question, options, within, verify: true })),
    judge: ({ asked: { number } }, good) =>
      attempt(async () => {
        await api.post(`/api/sessions/${encoded(state.session)}/feedback`, { number, good });
        toast("Kept for training");
      }),
    copy: (text) => attempt(() => copy(text, "Answer copied")),
    changed: (changed, name) => hearTurn(changed, name),
  });
  if (!state.turns.length) $("turns").replaceChildren();
  state.turns.push(turn);
  $("turns").append(turn.node);
  turn.node.scrollIntoView({ block: "end" });
  state.isAtEnd = true;
  drawEvidence();
  return turn;
}

$("turns").onscroll = ({ target: { scrollHeight, scrollTop, clientHeight } }) =>
  (state.isAtEnd = scrollHeight - scrollTop - clientHeight < NEAR_PX);

function follow(turn, url) {
  const parent = state.turns.find(({ asked }) => asked.number === turn.asked.parent?.number);
  if (parent) turn.keep(parent);
  composer.busy(true);
  stopListening();
  stopListening = api.listen(url, (name, data) => turn.hear(name, data), (isLost) => turn.lost(isLost));
}

function hearTurn(turn, name) {
  if (name === "observation") drawLooked();
  if (name === "answer" || name === "done") showEvidence(turn);
  if (turn.cost) drawCost();
  if (state.isAtEnd) $("turns").scrollTop = $("turns").scrollHeight;
  if (name !== "done" || state.turns.at(-1) !== turn) return;
  composer.busy(false);
  attempt(refresh);
}

async function askQuestion({ question, options = [], within = null, image = null, fork = null, verify = null }) {
  if (!state.session) {
    const isAll = !$("scope").hidden && $("scope").value === "all";
    const made = await api.post("/api/sessions", { videos: isAll ? null : [state.video], effort: $("effort").value });
    state.session = made.id;
    state.sessions.unshift(made);
  }
  const session = state.session, path = `/api/sessions/${encoded(session)}`;
  const words = fork?.question === question ? null : question;
  const asked = fork
    ? await api.post(`${path}/fork`, { number: fork.number, step: fork.step, question: words })
    : await api.post(`${path}/ask`, { question, options, within, image, verify, effort: $("effort").value });
  if (state.session !== session) return; // another one is looked at by now
  const images = image ? [{ url: image }] : [];
  const parent = fork && { number: fork.number, num_kept: fork.step };
  const turn = addTurn({ number: asked.number, question, options, within, images, parent });
  follow(turn, asked.events_url);
  timeline.select(null);
  saveAddress();
  attempt(refresh);
}

function stopQuestion() {
  return attempt(() => api.post(`/api/sessions/${encoded(state.session)}/stop`));
}

// What is drawn from the questions

function drawLooked() {
  const mine = ({ video }) => video === state.video;
  timeline.looked(
    state.turns.flatMap((turn) => turn.spans.filter(mine)),
    state.turns.flatMap((turn) => turn.times.filter(mine).map(({ time_s }) => time_s)),
  );
}

function showEvidence(turn) {
  if (!turn.answered) return;
  state.evidence = turn.answered.evidence;
  drawEvidence();
}

function drawEvidence() {
  const mine = state.evidence.filter((piece) => piece.video === state.video);
  timeline.evidence(mine.map((piece) => ({ ...piece.span, text: piece.text })));
  const titled = (piece) => (piece.video === state.video ? "" : (videoOf(piece.video)?.title ?? ""));
  const cards = state.evidence.map((piece) => card(piece, { title: titled(piece), onclick: () => showPiece(piece) }));
  $("evidence").hidden = !state.turns.length;
  $("evidence").replaceChildren(
    el("h2", {}, "Evidence"),
    cards.length ? el("div", { className: "cards" }, cards) : el("p", { className: "dim" }, "The seconds that prove an answer appear here."),
  );
}

function drawCost() {
  const costs = state.turns.map((turn) => turn.cost).filter(Boolean);
  $("cost").textContent = costs.length ? costLine(sumOf(costs)) : "";
}

function drawEmpty() {
  const video = videoOf(state.video);
  if (!video) return $("turns").replaceChildren();
  const choices = examples(state.known, video).map((question) =>
    el("button", { type: "button", className: "example", onclick: () => attempt(() => askQuestion({ question })) }, question, icon("send")));
  $("turns").replaceChildren(
    el("div", { className: "empty" },
      el("h3", {}, "What do you want to know?"),
      el("p", { className: "dim" }, "Ask in your own words, or begin with one of these."),
      choices,
      el("p", { className: "dim keys" }, "Mark a span with ", el("kbd", {}, "I"), " and ", el("kbd", {}, "O"),
        " to ask about just that. Paste a picture to look for it.")));
}

/** Play a moment, in its own video. */
function showPiece({ video, span }) {
  if (video && video !== state.video) chooseVideo(video);
  player.playSpan(span);
  $("stage").scrollIntoView({ block: "nearest" });
}

// Search

function showHits(hits, sought = "") {
  Object.assign(state, { hits, sought });
  drawHits();
  if (sought) say(`${hits.length} found`);
}

function drawHits() {
  const { hits, sought } = state, mine = hits.filter(({ video }) => video === state.video);
  timeline.hits(mine.map((hit) => ({ ...hit.span, text: hit.evidence.text })));
  const cards = hits.map((hit) =>
    card({ ...hit.evidence, span: hit.span }, { title: hit.video === state.video ? "" : hit.title, onclick: () => showPiece(hit) }));
  $("hits").hidden = !sought;
  $("hits").replaceChildren(
    el("div", { className: "head" }, el("h2", {}, hits.length ? "Found" : `Nothing found for ${sought}`),
      iconButton("close", "Close", () => (($("query").value = ""), showHits([])))),
    el("div", { className: "cards" }, cards));
}

const find = (what, sought) =>
  attempt(async () => showHits((await api.post("/api/search", { k: 8, ...what })).hits, sought));

$("search").onsubmit = (event) => {
  event.preventDefault();
  const text = $("query").value.trim();
  if (text) find({ text, videos: [state.video] }, `“${text}”`);
  else showHits([]);
};

async function findPicture(image) {
  await find({ image }, "this picture");
  $("hits").scrollIntoView({ block: "nearest" });
}

// The address, and the top line

function saveAddress() {
  const parts = [state.session && `s=${encoded(state.session)}`, state.video && `v=${encoded(state.video)}`].filter(Boolean);
  history.replaceState(null, "", parts.length ? `#${parts.join("&")}` : location.pathname);
}

async function copy(text, words) {
  await navigator.clipboard.writeText(text);
  toast(words);
}

$("share").onclick = () =>
  attempt(async () => {
    const link = `${location.href}&t=${player.time.toFixed(1)}`;
    try {
      await copy(link, `Link copied, at ${clock(player.time)}`);
    } catch {
      await ask({ title: "Link to this moment", value: link, yes: "Done" });
    }
  });

function drawTheme() {
  const theme = document.documentElement.dataset.theme;
  $("theme").replaceChildren(icon(theme));
  $("theme").ariaLabel = $("theme").title = `Theme: ${theme}`;
}

$("theme").onclick = () => {
  const all = ["system", "light", "dark"], { dataset } = document.documentElement;
  dataset.theme = all[(all.indexOf(dataset.theme) + 1) % all.length];
  localStorage.setItem("theme", dataset.theme);
  drawTheme();
};

document.querySelector(".skip").onclick = (event) => (event.preventDefault(), $("words").focus());
listenToHands({ player, timeline, composer, shelf });

// Starting

let asking = null;
api.onLocked(() => (asking ??= askToken().finally(() => (asking = null))));

/** Ask for the token until it is the right one. */
async function askToken() {
  for (let text = "This server lets in who knows its token."; ; text = "That is not the token.") {
    const token = await ask({ title: "Token", text, value: "", type: "password", yes: "Enter" });
    if (token && (await api.post("/api/login", { token }).then(() => true, () => false))) return;
  }
}

async function start() {
  const address = new URLSearchParams(location.hash.slice(1));
  if (address.has("token")) await api.post("/api/login", { token: address.get("token") }).catch(complain);
  drawTheme();
  composer.busy(false);
  const about = await api.get("/api/about");
  $("about").textContent = `Playhead ${about.version} · ${about.model}`;
  $("effort").replaceChildren(...about.efforts.map((effort) => el("option", { value: effort }, effort)));
  $("effort").value = about.effort;
  await refresh();
  const time_s = address.has("t") ? Number(address.get("t")) : undefined;
  const video = videoOf(address.get("v"))?.id;
  const opened = address.has("s") && (await openSession(address.get("s"), { video, time_s }).then(() => true, complain));
  if (!opened) {
    chooseVideo(video ?? state.videos[0]?.id ?? null, { isFresh: true });
    if (time_s !== undefined) player.seek(time_s);
  }
  watch();
}

addEventListener("hashchange", () => location.reload()); // a link to another moment, put in by hand
attempt(start);
