// Making elements, and small things that every part of the page needs.
//
// The one idea: text is only ever set as text. Nothing that a video, a model or a user said can
// become markup, because nothing here makes markup of a string.

/** The element with an id. */
export const $ = (id) => document.getElementById(id);

/**
 * An element.
 * @param {string} tag
 * @param {object} props Properties, attributes, and listeners as `onclick`. Null and false: left out.
 * @param {...(Node|string|null|Array)} children Strings become text, lists are unfolded.
 */
export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name in node) node[name] = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(3).filter((child) => child !== null && child !== false));
  return node;
}

/** One of the drawings in index.html. */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  svg.setAttribute("aria-hidden", "true");
  return svg;
}

/** A button that shows a drawing only. */
export const iconButton = (name, label, onclick, more = {}) =>
  el("button", { type: "button", className: "icon", ariaLabel: label, title: label, onclick, ...more }, icon(name));

/** Tell people who do not see the page what has changed. */
export const say = (text) => ($("said").textContent = text);

let hiding;

/** Tell everybody something for a few seconds. Nothing: take back what is told. */
export function toast(text) {
  $("toast").textContent = text;
  $("toast").classList.toggle("shown", Boolean(text));
  clearTimeout(hiding);
  hiding = setTimeout(() => $("toast").classList.remove("shown"), 4000);
}

/** Tell why something did not work. */
export const complain = (error) => toast([error.message, error.hint].filter(Boolean).join(": "));

/** Do something; where it fails, tell why. */
export async function attempt(work) {
  try {
    return await work();
  } catch (error) {
    complain(error);
  }
}

/** Put a text on the clipboard, and say so. */
export async function copy(text, words) {
  await navigator.clipboard.writeText(text);
  toast(words);
}

/**
 * A menu below a button.
 * @param {HTMLElement} anchor
 * @param {Array<{label: string, act?: () => void, href?: string, bad?: boolean}>} items A link has `href`.
 */
export function openMenu(anchor, items) {
  const menu = $("menu");
  const close = () => menu.hidePopover();
  menu.replaceChildren(
    ...items.map(({ label, act, href, bad }) =>
      href
        ? el("a", { role: "menuitem", tabIndex: -1, href, download: "", onclick: close }, label)
        : el("button", { role: "menuitem", tabIndex: -1, className: bad ? "bad" : "", onclick: () => (close(), act()) }, label),
    ),
  );
  const place = anchor.getBoundingClientRect();
  menu.showPopover();
  menu.style.left = `${Math.max(8, Math.min(place.left, innerWidth - menu.offsetWidth - 8))}px`;
  menu.style.top = `${Math.min(place.bottom + 4, innerHeight - menu.offsetHeight - 8)}px`;
  menu.onkeydown = (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const all = [...menu.children];
    all.at((all.indexOf(document.activeElement) + step) % all.length).focus();
  };
  menu.ontoggle = (event) => event.newState === "closed" && anchor.focus();
  menu.firstElementChild.focus();
}

/**
 * Ask for a word or for a yes in a dialog.
 * @param {{title: string, text?: string, value?: string, type?: string, yes: string, bad?: boolean}} what
 *   Without `value` it only asks for a yes.
 * @returns {Promise<string|null>} The word (empty for a yes), or null if it was closed.
 */
export function ask({ title, text, value, type = "text", yes, bad }) {
  const dialog = $("dialog");
  const input = value === undefined ? null : el("input", { type, value, ariaLabel: title, autocomplete: "off", spellcheck: false });
  return new Promise((resolve) => {
    const done = (answer) => (dialog.close(), resolve(answer));
    const agree = () => done(input ? input.value.trim() : "");
    const parts = [
      el("h2", { id: "dialog-title" }, title),
      text && el("p", {}, text),
      input,
      el("div", { className: "row" },
        el("button", { type: "button", className: "plain", onclick: () => done(null) }, "Cancel"),
        el("button", { type: "button", className: bad ? "strong bad" : "strong", onclick: agree }, yes)),
    ];
    dialog.replaceChildren(...parts.filter(Boolean));
    dialog.onkeydown = (event) => {
      if (event.key !== "Enter" || event.target !== input) return;
      event.preventDefault(); // WebKit would press with it what is focused after the dialog
      agree();
    };
    dialog.oncancel = () => resolve(null);
    dialog.showModal();
    input?.select();
  });
}
