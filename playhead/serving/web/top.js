// The top line and the address: a link to this moment, light or dark, and the token at the door.
//
// The address says what is on the page: `#s=SESSION&v=VIDEO&t=SECONDS`. So a link shares it, and a
// reload keeps it.

import * as api from "./api.js";
import { clock } from "./clock.js";
import { $, ask, attempt, copy, icon } from "./dom.js";
import { state } from "./state.js";

const THEMES = ["system", "light", "dark"];

/** Put into the address what is chosen. */
export function saveAddress() {
  const { session, video } = state, encoded = encodeURIComponent;
  const parts = [session && `s=${encoded(session)}`, video && `v=${encoded(video)}`].filter(Boolean);
  history.replaceState(null, "", parts.length ? `#${parts.join("&")}` : location.pathname);
}

/** Let the top line be pressed, and ask who is not let in for the token. */
export function listenToTop(player) {
  let asking = null;
  api.onLocked(() => (asking ??= askToken().finally(() => (asking = null))));
  $("share").onclick = () => attempt(() => share(player.time));
  $("theme").onclick = () => {
    const { dataset } = document.documentElement;
    dataset.theme = THEMES[(THEMES.indexOf(dataset.theme) + 1) % THEMES.length];
    localStorage.setItem("theme", dataset.theme);
    drawTheme();
  };
  document.querySelector(".skip").onclick = (event) => (event.preventDefault(), $("words").focus());
  addEventListener("hashchange", () => location.reload()); // a link to another moment, put in by hand
  drawTheme();
}

async function share(time_s) {
  const link = `${location.href}&t=${time_s.toFixed(1)}`;
  try {
    await copy(link, `Link copied, at ${clock(time_s)}`);
  } catch {
    await ask({ title: "Link to this moment", value: link, yes: "Done" });
  }
}

function drawTheme() {
  const theme = document.documentElement.dataset.theme;
  $("theme").replaceChildren(icon(theme));
  $("theme").ariaLabel = $("theme").title = `Theme: ${theme}`;
}

/** Ask for the token until it is the right one. */
async function askToken() {
  for (let text = "This server lets in who knows its token."; ; text = "That is not the token.") {
    const token = await ask({ title: "Token", text, value: "", type: "password", yes: "Enter" });
    if (token && (await api.post("/api/login", { token }).then(() => true, () => false))) return;
  }
}
