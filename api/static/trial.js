/**
 * Requests a trial without leaving the page, so that what is filled into the form stays. Without this script the
 * buttons submit the form.
 */

import { refresh } from "./live_refresh.js";

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
