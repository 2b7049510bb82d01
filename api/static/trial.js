/**
 * Requests a trial without leaving the page, so that what is filled into the form stays, and shows each strength as soon
 * as it is made. Without this script the buttons submit the form.
 */

import { refresh } from "./live_refresh.js";

const POLL_MILLISECONDS = 400; // a trial takes seconds; other parts of a page are refreshed less often

/** What the trial had made when the page showed it last. */
let shown = "";

/** Asks how far the trial is, while one waits or runs, and refreshes the page when it has made more. */
async function followTrial() {
  const part = document.getElementById("trial");
  const url = part?.hasAttribute("data-busy") ? part.dataset.trialUrl : undefined;
  if (url !== undefined && !document.hidden) {
    const response = await fetch(url, { headers: { Accept: "application/json" }, cache: "no-store" }).catch(() => null);
    const trial = response?.ok ? await response.json().catch(() => null) : null;
    const made = trial && `${trial.state} ${trial.images[0]?.variants.length ?? 0}`;
    if (made && made !== shown && (await refresh())) shown = made;
  }
  setTimeout(followTrial, POLL_MILLISECONDS);
}

followTrial();

document.addEventListener("submit", async (event) => {
  const button = event.submitter;
  if (!(button instanceof HTMLButtonElement) || button.dataset.trialUrl === undefined) return;
  event.preventDefault();
  button.disabled = true;
  const images = button.value ? button.value.split(",").map(Number) : null;
  const response = await fetch(button.dataset.trialUrl, {
    method: "POST",
    headers: { Accept: "application/json", "Content-Type": "application/json" },
    body: JSON.stringify({ images }),
  }).catch(() => null);
  if (response?.ok) {
    shown = "";
    await refresh();
    return;
  }
  const body = await response?.json().catch(() => null);
  const message = document.createElement("p");
  message.className = "note danger";
  message.role = "alert";
  message.textContent = body?.detail ?? "The service did not answer. Try again in a moment.";
  button.closest("#trial")?.prepend(message);
  button.disabled = false;
});
