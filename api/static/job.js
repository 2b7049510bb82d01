/**
 * Watches one job: by server-sent events, or by asking every few seconds where they do not come through.
 */

import { refresh } from "./live.js";
import { duration, percent } from "./words.js";

/** @typedef {{stage: string|null, done: number, total: number, eta_seconds: number|null}} Step */

const FINAL = ["succeeded", "failed", "canceled"];
const root = /** @type {HTMLElement} */ (document.getElementById("job"));
const address = root.dataset.job ?? "";
let heard = 0; // when the last event came, in milliseconds

/** @param {Step|null} step */
function draw(step) {
  const bar = /** @type {HTMLProgressElement|null} */ (document.getElementById("bar"));
  if (!step?.stage || !bar) return;
  const item = document.querySelector(`[data-stage="${CSS.escape(step.stage)}"]`);
  if (item?.getAttribute("aria-current") !== "step") {
    refresh(); // a new stage: the server draws the strip, and a screen reader hears of it
    return;
  }
  const rows = document.getElementById("count")?.dataset.rows;
  if (rows !== undefined && step.stage === "evidence" && rows !== String(step.done)) {
    refresh(); // one more row of a verification: the server draws it
    return;
  }
  if (step.total > 0) {
    bar.max = step.total;
    bar.value = step.done;
  } else {
    bar.removeAttribute("value");
  }
  const share = percent(step.done, step.total);
  const left = step.eta_seconds === null ? "" : `${duration(step.eta_seconds)} left in this step`;
  const row = rows !== undefined && step.stage === "evidence";
  if (!row) set("count", step.total > 0 ? `${step.done.toLocaleString()} of ${step.total.toLocaleString()}` : "");
  set("share", step.total > 0 ? `${share} %` : "");
  set("left", left);
  const stage = (item?.lastElementChild?.textContent ?? "").trim();
  document.title = `${step.total > 0 ? `${share} % · ` : ""}${stage} · Unteachable`;
}

/** @param {string} id @param {string} text */
function set(id, text) {
  const place = document.getElementById(id);
  if (place) place.textContent = text;
}

function watch() {
  const source = new EventSource(`${address}/events`);
  source.addEventListener("progress", (event) => {
    heard = Date.now();
    const data = JSON.parse(event.data);
    draw(data.progress ?? data);
  });
  source.addEventListener("state", async (event) => {
    heard = Date.now();
    const { state } = JSON.parse(event.data);
    if (FINAL.includes(state)) source.close();
    await refresh();
    if (FINAL.includes(state)) document.getElementById("outcome")?.focus();
  });
  const poll = async () => {
    if (!document.querySelector("#job [data-running]")) return source.close();
    if (Date.now() - heard > 5000) await ask();
    setTimeout(poll, 3000);
  };
  setTimeout(poll, 3000);
}

/** Asks once, as if an event had come. */
async function ask() {
  try {
    const answer = await fetch(address, { headers: { Accept: "application/json" }, cache: "no-store" });
    if (!answer.ok) return;
    const job = await answer.json();
    const shown = root.querySelector("[data-running]")?.getAttribute("data-running");
    if (job.state === "running" && job.state === shown) draw(job.progress);
    else await refresh();
  } catch {
    // the server is away; the next try may find it
  }
}

if (document.querySelector("#job [data-running]")) watch();
