/**
 * Runs on every page: local times, copy buttons, and confirmation before something is deleted.
 */

import { refreshWhileBusy } from "./live_refresh.js";

const FIRST_REFRESH_MILLISECONDS = 500;
const REFRESH_MILLISECONDS = 2000;
const COPIED_MILLISECONDS = 2000;

/** Shows every `<time>` in the time zone of the reader; the server renders UTC. */
function showLocalTimes() {
  const format = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
  for (const time of document.querySelectorAll("time[datetime]")) {
    time.textContent = format.format(new Date(time.getAttribute("datetime") ?? ""));
  }
}

/** @param {HTMLElement} button its `data-copy` is the id of the element that holds the text */
async function copyText(button) {
  const source = document.getElementById(button.dataset.copy ?? "");
  const text = source instanceof HTMLInputElement ? source.value : (source?.textContent ?? "");
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    if (source instanceof HTMLInputElement) source.select(); // plain http has no clipboard: select the text at least
    else if (source) getSelection()?.selectAllChildren(source);
    document.execCommand("copy");
  }
  const label = (button.dataset.label ??= button.textContent ?? ""); // at a second click the text is "Copied"
  button.textContent = "Copied";
  setTimeout(() => (button.textContent = label), COPIED_MILLISECONDS);
}

document.addEventListener("click", (event) => {
  const button = event.target instanceof Element ? event.target.closest("[data-copy]") : null;
  if (button instanceof HTMLElement) copyText(button);
});

document.addEventListener("submit", (event) => {
  const question = event.target instanceof HTMLFormElement ? event.target.dataset.confirm : undefined;
  if (question && !confirm(question)) event.preventDefault();
});

/** Replaces the address of a refused form, which cannot be opened by GET, by the address of the page. */
function replaceFormAddress() {
  const address = document.getElementById("main")?.dataset.address;
  if (address && location.pathname !== address) history.replaceState(null, "", address + location.hash);
}

replaceFormAddress();
document.addEventListener("refreshed", showLocalTimes);
showLocalTimes();
refreshWhileBusy(FIRST_REFRESH_MILLISECONDS, REFRESH_MILLISECONDS);
