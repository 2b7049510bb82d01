/**
 * The start page: takes a file or folder from the drop zone, uploads it and shows the progress.
 */

import { crc32 } from "./crc32.js";
import { choiceFromDrop, choiceFromInput } from "./file_selection.js";
import { formatDuration, formatSize, percent } from "./format.js";
import { acquireLock } from "./tab_lock.js";
import { TusUpload, deleteOnServer, isGoneOnServer } from "./tus_upload.js";
import * as storage from "./upload_storage.js";
import { announce, element, resetTitle, showError, showProgress, showSection } from "./upload_view.js";
import { sortByPath, zipFolder } from "./zip.js";

/** @typedef {import("./file_selection.js").Choice} Choice */
/** @typedef {import("./tus_upload.js").UploadState} UploadState */
/** @typedef {{blob: Blob, filename: string, name: string, fingerprint: string}} UploadSource */

const MIN_RATE_SECONDS = 2; // a shorter time gives no useful rate
const dropZone = element("drop-zone");

/** @type {TusUpload|null} the upload that runs now */
let upload = null;
/** @type {AbortController|null} stops the packing of a folder; null if nothing is packed */
let packing = null;
/** @type {{at: number, sent: number}|null} where the transfer rate is measured from: milliseconds and bytes */
let rateStart = null;

/** @param {Choice} choice @returns {Promise<UploadSource>} the same choice gives the same fingerprint again */
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
    showProgress(name, `Packing ${files.length.toLocaleString()} files, ${formatSize(total)}`, percent(read, total));
  };
  onBytes(0);
  const blob = await zipFolder(files, { onBytes, signal: packing.signal });
  const list = sortByPath(files).map(({ path, file }) => `${path}\0${file.size}\0${file.lastModified}`).join("\n");
  const checksum = crc32(new TextEncoder().encode(list)).toString(16);
  return { blob, filename: `${name}.zip`, name, fingerprint: `${name}-${blob.size}-${checksum}` };
}

/** Packs and uploads what the user chose. @param {Promise<Choice|null>|Choice|null} chosen */
async function handleChoice(chosen) {
  if (upload || packing) return;
  try {
    const choice = await chosen;
    if (!choice) return;
    if (choice.kind === "folder" && choice.files.length === 0) return showError("This folder is empty. Choose another one, or choose images.");
    showSection("sending");
    await startUpload(await pack(choice));
  } catch (error) {
    packing = null;
    if (error instanceof DOMException && error.name === "AbortError") return showSection("choose");
    showError("The browser cannot read these files. Perhaps they were moved or changed. Choose them again.");
  }
}

/** Uploads until the upload is done, refused or discarded. @param {UploadSource} source */
async function startUpload({ blob, filename, name, fingerprint }) {
  packing = null;
  rateStart = null;
  if (!(await acquireLock(fingerprint))) return showError("Another tab of this browser already uploads this.");
  document.querySelector(`[data-fingerprint="${CSS.escape(fingerprint)}"]`)?.remove();
  const stored = storage.findUpload(fingerprint);
  let kept = stored?.kept ?? false;
  const save = async (/** @type {string} */ url) => {
    storage.saveUpload({ fingerprint, url, filename, name, size: blob.size, kept });
    if (!kept && (await storage.saveBytes(fingerprint, blob)) && upload?.url === url) {
      storage.saveUpload({ fingerprint, url, filename, name, size: blob.size, kept: (kept = true) });
    }
  };
  const started = (upload = new TusUpload(blob, {
    endpoint: dropZone.dataset.uploads,
    filename, // the server derives the name of the dataset from it
    url: stored?.url,
    onUrl: (url) => (url ? save(url) : storage.deleteUpload(fingerprint)),
    onState: (state) => onUploadState(name, state),
  }));
  showSection("sending");
  element("pause").hidden = false;
  element("pause").focus();
  await started.run();
  if (upload === started) upload = null;
}

/** Shows a state of the upload, and opens the dataset when the upload is done. @param {string} name @param {UploadState} state */
function onUploadState(name, { phase, sent, total, detail, dataset }) {
  const share = percent(sent, total);
  if (phase === "done") {
    announce("The upload is complete.");
    location.assign(element("drop-zone").dataset.datasets + dataset.split("/").pop());
    return;
  }
  if (phase === "refused") return detail ? showError(detail) : showSection("choose");
  const amount = `${formatSize(sent)} of ${formatSize(total)}`;
  const texts = {
    starting: "Connecting to the server",
    sending: share === 100 ? "Everything is sent. The server checks the upload" : `${amount}${timeLeft(sent, total)}`,
    waiting: `${amount}. The connection is lost. The upload retries by itself`,
    paused: `${amount}. Paused`,
  };
  showProgress(name, texts[phase], share);
  dropZone.dataset.upload = phase;
  element("pause").textContent = phase === "paused" ? "Resume" : "Pause";
  announce(phase === "sending" ? `${share - (share % 25)} % sent` : texts[phase].replace(amount, "").replace(/^\. /, ""));
}

/** @param {number} sent bytes @param {number} total bytes @returns {string} "" while the rate is unknown */
function timeLeft(sent, total) {
  const now = performance.now();
  if (!rateStart || sent < rateStart.sent) rateStart = { at: now, sent };
  const seconds = (now - rateStart.at) / 1000;
  if (seconds < MIN_RATE_SECONDS || sent === rateStart.sent) return "";
  return `, ${formatDuration(((total - sent) * seconds) / (sent - rateStart.sent))} left`;
}

/** Resumes the first stored upload that can be resumed, and asks the user to choose the others again. */
async function resumeAll() {
  for (const stored of storage.listUploads()) {
    const blob = stored.kept ? await storage.loadBytes(stored.fingerprint) : null;
    if (blob && (await acquireLock(stored.fingerprint))) return startUpload({ ...stored, blob });
    if (!blob) await promptReselect(stored);
  }
}

/** Asks the user to choose a file or folder again, unless the server no longer has its upload. @param {storage.StoredUpload} stored */
async function promptReselect({ fingerprint, url, name }) {
  if (await isGoneOnServer(url)) return storage.deleteUpload(fingerprint);
  const prompt = document.createElement("p");
  prompt.dataset.fingerprint = fingerprint;
  const discardButton = document.createElement("button");
  prompt.textContent = `The upload of “${name}” was interrupted. Choose the same file or folder again to resume it. `;
  discardButton.textContent = "Discard it";
  discardButton.type = "button";
  discardButton.className = "button small";
  discardButton.setAttribute("aria-label", `Discard the upload of ${name}`);
  discardButton.addEventListener("click", async () => {
    prompt.remove();
    element("pick-images").focus();
    await storage.deleteUpload(fingerprint);
    await deleteOnServer(url);
  });
  prompt.append(discardButton);
  element("interrupted-uploads").append(prompt);
}

for (const kind of ["images", "folder", "file"]) {
  const input = element(`${kind}-input`);
  element(`pick-${kind}`).addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    const choice = choiceFromInput(input.files);
    input.value = "";
    handleChoice(choice);
  });
}
element("pause").addEventListener("click", () => (upload?.phase === "paused" ? upload.resume() : upload?.pause()));
element("discard").addEventListener("click", () => {
  packing?.abort();
  upload?.discard();
  upload = null; // the user can choose something else before the server has answered
  resetTitle();
  element("pick-images").focus();
});
element("choose-another").addEventListener("click", () => {
  showSection("choose");
  element("pick-images").focus();
});

let dragDepth = 0; // dragenter and dragleave also fire for every child element
dropZone.addEventListener("dragenter", () => dropZone.toggleAttribute("data-drag-over", ++dragDepth > 0));
dropZone.addEventListener("dragleave", () => dropZone.toggleAttribute("data-drag-over", --dragDepth > 0));
addEventListener("dragover", (event) => event.preventDefault());
addEventListener("drop", (event) => {
  event.preventDefault(); // a file dropped beside the drop zone must not replace the page
  dragDepth = 0;
  dropZone.removeAttribute("data-drag-over");
  if (event.dataTransfer) handleChoice(choiceFromDrop(event.dataTransfer));
});
resumeAll();
