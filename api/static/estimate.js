/**
 * Says on the form how long a protection takes, for the preset, the measurement and the minutes that are chosen.
 */

import { formatDuration } from "./format.js";

/** @returns {void} */
function showEstimate() {
  const target = document.getElementById("estimate");
  const form = document.getElementById("protect-form");
  if (!target || !(form instanceof HTMLFormElement)) return;
  const fields = new FormData(form);
  const byAmount = JSON.parse(target.dataset.estimates ?? "{}")[String(fields.get("preset"))];
  const seconds = byAmount?.[String(fields.get("evidence"))];
  target.hidden = !seconds;
  if (!seconds) return;
  const allowed = 60 * Number(String(fields.get("evidence_minutes") ?? "").trim() || "5"); // 0 is no limit
  const hasLimit = allowed > 0 && fields.get("preset") !== "paper";
  const evidence = hasLimit ? Math.min(seconds[1], allowed) : seconds[1];
  const archive = `The protected images are ready in ${formatDuration(seconds[0])}`;
  target.textContent = evidence > 0 ? `${archive}, the measurement ${formatDuration(evidence)} later.` : `${archive}.`;
}

document.getElementById("protect-form")?.addEventListener("input", showEstimate);
