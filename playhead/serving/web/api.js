// Talking with the server: JSON both ways, errors as the server says them.

/** A request that was not served. */
export class Refused extends Error {
  constructor(status, { code, message, hint }) {
    super(message);
    Object.assign(this, { status, code, hint });
  }
}

let unlock = () => Promise.reject(new Refused(401, { code: "unauthorized", message: "A token is needed" }));

/** Say how somebody is asked for the token; the promise is kept when they are let in. */
export const onLocked = (ask) => (unlock = ask);

async function refusal(status, reply) {
  const body = await reply.json().catch(() => null);
  return new Refused(status, body?.error ?? { code: "internal", message: `The server said ${status}` });
}

async function request(method, path, body) {
  const headers = body === undefined ? {} : { "Content-Type": "application/json" };
  let reply;
  try {
    reply = await fetch(path, { method, headers, body: JSON.stringify(body) });
  } catch {
    throw new Refused(0, { code: "offline", message: "The server does not answer", hint: "is it still running?" });
  }
  if (reply.status === 401 && path !== "/api/login") {
    await unlock();
    return request(method, path, body);
  }
  if (!reply.ok) throw await refusal(reply.status, reply);
  return reply.status === 204 ? null : reply.json();
}

export const get = (path) => request("GET", path);
export const post = (path, body = {}) => request("POST", path, body);
export const patch = (path, body) => request("PATCH", path, body);
export const remove = (path) => request("DELETE", path);

/**
 * Send a file.
 * @param {File} file
 * @param {(share: number) => void} onProgress
 * @returns {{done: Promise<object>, cancel: () => void}}
 */
export function upload(file, onProgress) {
  const sending = new XMLHttpRequest();
  const done = new Promise((resolve, reject) => {
    sending.open("POST", `/api/videos/upload?name=${encodeURIComponent(file.name.slice(-200))}`);
    sending.setRequestHeader("Content-Type", "application/octet-stream");
    sending.responseType = "json";
    sending.upload.onprogress = (event) => onProgress(event.loaded / Math.max(1, event.total));
    sending.onload = () =>
      sending.status < 300
        ? resolve(sending.response)
        : reject(new Refused(sending.status, sending.response?.error ?? { message: `The server said ${sending.status}` }));
    sending.onerror = () => reject(new Refused(0, { code: "offline", message: "The upload was cut off" }));
    sending.onabort = () => reject(new Refused(0, { code: "cancelled", message: "Cancelled" }));
    sending.send(file);
  });
  return { done, cancel: () => sending.abort() };
}

const RETRY_MS = 3000;
const EVENTS = "question waiting started resumed indexing thought call observation cost answer done".split(" ");

/**
 * Listen to a question: all that happened, then what happens, until it is done. Lost connections
 * are taken up again where they were cut.
 * @param {string} url
 * @param {(name: string, data: object) => void} hear
 * @param {(isLost: boolean) => void} onLost
 * @returns {() => void} Stops listening.
 */
export function listen(url, hear, onLost) {
  let source, again, last = 0;
  const open = () => {
    source = new EventSource(`${url}?after=${last}`);
    for (const name of EVENTS) {
      source.addEventListener(name, (event) => {
        last = Number(event.lastEventId);
        if (name === "done") source.close();
        hear(name, JSON.parse(event.data));
      });
    }
    source.onopen = () => onLost(false);
    source.onerror = () => {
      onLost(true);
      if (source.readyState === EventSource.CLOSED) again = setTimeout(open, RETRY_MS); // it gave up
    };
  };
  open();
  return () => {
    clearTimeout(again);
    source.close();
  };
}

/** A picture as a data URL that a request can hold: no side longer than 1024 pixels. */
export async function dataUrl(file) {
  const bitmap = await createImageBitmap(file);
  const scale = Math.min(1, 1024 / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  return canvas.toDataURL("image/jpeg", 0.9);
}
