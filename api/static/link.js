/**
 * Makes a link to the archive that works without signing in, for a while.
 */

document.addEventListener("submit", async (event) => {
  const form = event.target; // asked of the document: the form comes when the job has ended
  if (!(form instanceof HTMLFormElement) || form.id !== "make-link") return;
  event.preventDefault();
  const place = /** @type {HTMLElement} */ (document.getElementById("link"));
  const answer = await fetch(form.action, { method: "POST", headers: { Accept: "application/json" } }).catch(() => null);
  const body = await answer?.json().catch(() => null); // a proxy's error page is no JSON
  const told = /** @type {HTMLElement} */ (document.getElementById("link-until"));
  place.hidden = false;
  if (!answer?.ok || !body) {
    told.textContent = body?.detail ?? "The service did not answer, so no link was made. Try again in a moment.";
    return;
  }
  const input = /** @type {HTMLInputElement} */ (document.getElementById("link-url"));
  input.value = new URL(body.url, location.href).href;
  told.textContent = `Anyone who has this link can download the archive until ${new Date(body.expires_at).toLocaleString()}.`;
  input.focus();
  input.select();
});
