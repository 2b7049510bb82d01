/**
 * Follows one job by server-sent events. If no events arrive, it polls the REST interface.
 */

import { formatDuration, percent } from "./format.js";
import { refresh } from "./live_refresh.js";

/** @typedef {{stage: string|null, done: number, total: number, eta_seconds: number|null}} Progress */

const FINAL_STATES = ["succeeded", "failed", "canceled"];
const POLL_MILLISECONDS = 3000;
const EVENT_TIMEOUT_MILLISECONDS = 5000;
const root = /** @type {HTMLElement} */ (document.getElementById("job"));
const jobUrl = root.dataset.job ?? "";
let lastEventAt = 0; // milliseconds

/** @param {Progress|null} progress */
function showProgress(progress) {
  const bar = /** @type {HTMLProgressElement|null} */ (document.getElementById("bar"));
  if (!progress?.stage || !bar) return;
  const item = document.querySelector(`[data-stage="${CSS.escape(progress.stage)}"]`);
  if (item?.getAttribute("aria-current") !== "step") {
    refresh(); // a new stage: the server renders the list of stages and the announcement
    return;
  }
  const rowsShown = document.getElementById("count")?.dataset.rows;
  const countsRows = rowsShown !== undefined && progress.stage === "evidence";
  if (countsRows && rowsShown !== String(progress.done)) {
    refresh(); // one more row of a verification: the server renders it
    return;
  }
  if (progress.total > 0) {
    bar.max = progress.total;
    bar.value = progress.done;
  } else {
    bar.removeAttribute("value");
  }
  const share = percent(progress.done, progress.total);
  if (!countsRows) setText("count", progress.total > 0 ? `${progress.done.toLocaleString()} of ${progress.total.toLocaleString()}` : "");
  setText("share", progress.total > 0 ? `${share} %` : "");
  setText("left", progress.eta_seconds === null ? "" : `${formatDuration(progress.eta_seconds)} left in this step`);
  const stage = (item?.lastElementChild?.textContent ?? "").trim();
  document.title = `${progress.total > 0 ? `${share} % · ` : ""}${stage} · Unteachable`;
}

/** @param {string} id @param {string} text */
function setText(id, text) {
  const target = document.getElementById(id);
  if (target) target.textContent = text;
}

function followJob() {
  const source = new EventSource(`${jobUrl}/events`);
  source.addEventListener("progress", (event) => {
    lastEventAt = Date.now();
    const data = JSON.parse(event.data);
    if (data.state === "queued") refresh(); // another place in the queue: the server says it in words
    else showProgress(data.progress ?? data);
  });
  source.addEventListener("state", async (event) => {
    lastEventAt = Date.now();
    const { state } = JSON.parse(event.data);
    if (FINAL_STATES.includes(state)) source.close();
    await refresh();
    if (FINAL_STATES.includes(state)) document.getElementById("outcome")?.focus();
  });
  const pollIfSilent = async () => {
    if (!document.querySelector("#job [data-running]")) return source.close();
    if (Date.now() - lastEventAt > EVENT_TIMEOUT_MILLISECONDS) await poll();
    setTimeout(pollIfSilent, POLL_MILLISECONDS);
  };
  setTimeout(pollIfSilent, POLL_MILLISECONDS);
}

async function poll() {
  try {
    const response = await fetch(jobUrl, { headers: { Accept: "application/json" }, cache: "no-store" });
    if (!response.ok) return;
    const job = await response.json();
    const stateShown = root.querySelector("[data-running]")?.getAttribute("data-running");
    if (job.state === "running" && job.state === stateShown) showProgress(job.progress);
    else await refresh();
  } catch {
    // the server does not answer now; the next poll tries again
  }
}

if (document.querySelector("#job [data-running]")) followJob();
