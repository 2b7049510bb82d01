/**
 * The drop zone: takes a file or a folder, sends it, and says how far it is.
 */

import { crc32 } from "./crc32.js";
import { fromDrop, fromFiles } from "./folder.js";
import * as keep from "./keep.js";
import { Upload, discard, isForgotten } from "./tus.js";
import { duration, percent, size } from "./words.js";
import { inOrder, zipFolder } from "./zip.js";

/** @typedef {import("./folder.js").Choice} Choice */
/** @typedef {import("./tus.js").News} News */
/** @typedef {{blob: Blob, filename: string, name: string, fingerprint: string}} Parcel */

/** @param {string} id @returns {any} */
const element = (id) => document.getElementById(id);
const zone = element("drop");
const title = document.title;

/** @type {Upload|null} */
let upload = null;
/** @type {AbortController|null} */
let packing = null;
/** @type {{at: number, sent: number}|null} where the pace is measured from */
let pace = null;
let said = "";

/** @param {"choose"|"send"|"refused"} state */
function show(state) {
  zone.dataset.state = state;
  element("choose").hidden = state === "send";
  element("sending").hidden = state !== "send";
  element("refused").hidden = state !== "refused";
}

/** @param {string} text the line a screen reader hears; said once */
function say(text) {
  if (text !== said) element("said").textContent = said = text;
}

/** @param {string} name @param {string} line @param {number} share 0 to 100 */
function draw(name, line, share) {
  element("upload-name").textContent = name;
  element("upload-line").textContent = line;
  element("upload-bar").value = share;
  document.title = `${share} % · ${title}`;
}

/** @param {string} detail */
function refuse(detail) {
  document.title = title;
  element("refused-detail").textContent = detail;
  show("refused");
  element("refused").focus();
}

/**
 * Makes one blob of what was chosen, with a fingerprint that is the same next time.
 * @param {Choice} choice
 * @returns {Promise<Parcel>}
 */
async function pack(choice) {
  if (choice.kind === "file") {
    const { file } = choice;
    const fingerprint = `${file.name}-${file.size}-${file.lastModified}`;
    return { blob: file, filename: file.name, name: file.name.replace(/\.(zip|tar|tgz|txz|tar\.gz|tar\.xz)$/i, ""), fingerprint };
  }
  const { name, files } = choice;
  const total = files.reduce((sum, { file }) => sum + file.size, 0);
  let read = 0;
  packing = new AbortController();
  element("pause").hidden = true;
  const onBytes = (/** @type {number} */ bytes) => {
    read += bytes;
    draw(name, `Packing ${files.length.toLocaleString()} files, ${size(total)}`, percent(read, total));
  };
  onBytes(0);
  const blob = await zipFolder(files, { onBytes, signal: packing.signal });
  const list = inOrder(files).map(({ path, file }) => `${path}\0${file.size}\0${file.lastModified}`).join("\n");
  const sum = crc32(new TextEncoder().encode(list)).toString(16);
  return { blob, filename: `${name}.zip`, name, fingerprint: `${name}-${blob.size}-${sum}` };
}

/** @param {Promise<Choice|null>|Choice|null} chosen */
async function take(chosen) {
  if (upload || packing) return;
  try {
    const choice = await chosen;
    if (!choice) return;
    if (choice.kind === "folder" && choice.files.length === 0) return refuse("This folder is empty. Choose a folder with one folder of pictures for each class.");
    show("send");
    await send(await pack(choice));
  } catch (error) {
    packing = null;
    if (error instanceof DOMException && error.name === "AbortError") return show("choose");
    refuse("The browser could not read this. Has it been moved or changed? Choose it again.");
  }
}

/** @param {Parcel} parcel */
async function send({ blob, filename, name, fingerprint }) {
  packing = null;
  pace = null;
  if (!(await alone(fingerprint))) return refuse("Another tab of this browser is sending this already.");
  document.querySelector(`[data-fingerprint="${CSS.escape(fingerprint)}"]`)?.remove();
  const found = keep.recall(fingerprint);
  let kept = found?.kept ?? false;
  const start = async (/** @type {string} */ url) => {
    keep.remember({ fingerprint, url, filename, name, size: blob.size, kept });
    if (!kept && (await keep.keepBytes(fingerprint, blob)) && upload?.url === url) {
      keep.remember({ fingerprint, url, filename, name, size: blob.size, kept: (kept = true) });
    }
  };
  const mine = (upload = new Upload(blob, {
    endpoint: zone.dataset.uploads,
    filename, // the server makes the dataset's name of it
    url: found?.url,
    onUrl: (url) => (url ? start(url) : keep.drop(fingerprint)),
    onNews: (news) => hear(name, news),
  }));
  show("send");
  element("pause").hidden = false;
  element("pause").focus();
  await mine.run();
  if (upload === mine) upload = null;
}

/** @param {string} name @param {News} news */
function hear(name, { state, sent, total, detail, dataset }) {
  const share = percent(sent, total);
  if (state === "done") {
    say("All is sent.");
    location.assign(`/datasets/${dataset.split("/").pop()}`);
    return;
  }
  if (state === "refused") return detail ? refuse(detail) : show("choose");
  const amount = `${size(sent)} of ${size(total)}`;
  const lines = {
    starting: "Getting in touch with the server",
    sending: share === 100 ? "All is sent. The server is looking it over" : `${amount}${timeLeft(sent, total)}`,
    waiting: `${amount}. The connection is lost; trying again by itself`,
    paused: `${amount}. Paused`,
  };
  draw(name, lines[state], share);
  zone.dataset.upload = state;
  element("pause").textContent = state === "paused" ? "Go on" : "Pause";
  say(state === "sending" ? `${share - (share % 25)} % sent` : lines[state].replace(amount, "").replace(/^\. /, ""));
}

/** @param {number} sent @param {number} total @returns {string} */
function timeLeft(sent, total) {
  const now = performance.now();
  if (!pace || sent < pace.sent) pace = { at: now, sent };
  const seconds = (now - pace.at) / 1000;
  if (seconds < 2 || sent === pace.sent) return "";
  return `, ${duration(((total - sent) * seconds) / (sent - pace.sent))} left`;
}

/** Goes on with what a reload interrupted, or says what to choose again. */
async function goOn() {
  for (const found of keep.unfinished()) {
    const blob = found.kept ? await keep.keptBytes(found.fingerprint) : null;
    if (blob && (await alone(found.fingerprint))) return send({ ...found, blob });
    if (!blob) await ask(found);
  }
}

/**
 * Asks for what only the person can find again, unless the server has forgotten it.
 * @param {import("./keep.js").Unfinished} found
 */
async function ask({ fingerprint, url, name }) {
  if (await isForgotten(url)) return keep.drop(fingerprint);
  const line = document.createElement("p");
  line.dataset.fingerprint = fingerprint;
  const forget = document.createElement("button");
  line.textContent = `The upload of “${name}” was interrupted. Choose it again, and it goes on where it stopped. `;
  forget.textContent = "Discard it";
  forget.type = "button";
  forget.className = "button small";
  forget.setAttribute("aria-label", `Discard the upload of ${name}`);
  forget.addEventListener("click", async () => {
    line.remove();
    element("pick-folder").focus();
    await keep.drop(fingerprint);
    await discard(url);
  });
  line.append(forget);
  element("again").append(line);
}

/** @type {Set<string>} what this tab alone is sending */
const locked = new Set();

/** @param {string} fingerprint @returns {Promise<boolean>} whether no other tab is sending it; the lock lasts as long as the page */
function alone(fingerprint) {
  if (!navigator.locks || locked.has(fingerprint)) return Promise.resolve(true); // plain http has no locks
  return new Promise((answer) => {
    navigator.locks.request(`unteachable.${fingerprint}`, { ifAvailable: true }, (lock) => {
      if (lock) locked.add(fingerprint);
      answer(lock !== null);
      return lock ? new Promise(() => undefined) : undefined;
    });
  });
}

for (const kind of ["file", "folder"]) {
  const input = element(`${kind}-input`);
  element(`pick-${kind}`).addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    const choice = fromFiles(input.files);
    input.value = "";
    take(choice);
  });
}
element("pause").addEventListener("click", () => (upload?.state === "paused" ? upload.resume() : upload?.pause()));
element("forget").addEventListener("click", () => {
  packing?.abort();
  upload?.forget();
  upload = null; // another may be chosen at once, however long the server takes to answer
  document.title = title;
  element("pick-folder").focus();
});

element("try-again").addEventListener("click", () => {
  show("choose");
  element("pick-folder").focus();
});

let depth = 0; // dragenter and dragleave come for every child, too
zone.addEventListener("dragenter", () => zone.toggleAttribute("data-over", ++depth > 0));
zone.addEventListener("dragleave", () => zone.toggleAttribute("data-over", --depth > 0));
addEventListener("dragover", (event) => event.preventDefault());
addEventListener("drop", (event) => {
  event.preventDefault(); // a near miss must not leave the page for the file
  depth = 0;
  zone.removeAttribute("data-over");
  if (event.dataTransfer) take(fromDrop(event.dataTransfer));
});
goOn();
