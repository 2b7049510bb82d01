/**
 * Makes a link that downloads the archive without signing in, until it expires.
 */

document.addEventListener("submit", async (event) => {
  const form = event.target; // the listener is on the document, because a refresh can add the form later
  if (!(form instanceof HTMLFormElement) || form.id !== "share-form") return;
  event.preventDefault();
  const response = await fetch(form.action, { method: "POST", headers: { Accept: "application/json" } }).catch(() => null);
  const body = await response?.json().catch(() => null); // the error page of a proxy is not JSON
  const message = /** @type {HTMLElement} */ (document.getElementById("share-message"));
  /** @type {HTMLElement} */ (document.getElementById("share-link")).hidden = false;
  if (!response?.ok || !body) {
    message.textContent = body?.detail ?? "The service did not answer, so no link was made. Try again in a moment.";
    return;
  }
  const input = /** @type {HTMLInputElement} */ (document.getElementById("share-url"));
  input.value = new URL(body.url, location.href).href;
  message.textContent = `Anyone who has this link can download the archive until ${new Date(body.expires_at).toLocaleString()}.`;
  input.focus();
  input.select();
});
