/**
 * What every page does: times in the reader's own zone, copy buttons, and questions before something is lost.
 */

import { refreshWhileBusy } from "./live.js";

/** Rewrites every `<time>` that was drawn in UTC. */
function localTimes() {
  const form = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
  for (const time of document.querySelectorAll("time[datetime]")) {
    time.textContent = form.format(new Date(time.getAttribute("datetime") ?? ""));
  }
}

/** @param {HTMLElement} button with `data-copy`: the id of what holds the text */
async function copy(button) {
  const source = document.getElementById(button.dataset.copy ?? "");
  const text = source instanceof HTMLInputElement ? source.value : (source?.textContent ?? "");
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    if (source instanceof HTMLInputElement) source.select(); // no clipboard on plain http: selected is the next best
    else if (source) getSelection()?.selectAllChildren(source);
    document.execCommand("copy");
  }
  const label = (button.dataset.label ??= button.textContent ?? ""); // a second click finds "Copied" there
  button.textContent = "Copied";
  setTimeout(() => (button.textContent = label), 2000);
}

document.addEventListener("click", (event) => {
  const button = event.target instanceof Element ? event.target.closest("[data-copy]") : null;
  if (button instanceof HTMLElement) copy(button);
});

document.addEventListener("submit", (event) => {
  const question = event.target instanceof HTMLFormElement ? event.target.dataset.confirm : undefined;
  if (question && !confirm(question)) event.preventDefault();
});

/** After a form that was refused the address is the form's, which cannot be read again: the page's own stands there instead. */
function ownAddress() {
  const address = document.getElementById("main")?.dataset.address;
  if (address && location.pathname !== address) history.replaceState(null, "", address + location.hash);
}

ownAddress();
document.addEventListener("refreshed", localTimes);
localTimes();
refreshWhileBusy(2000);
