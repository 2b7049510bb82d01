/**
 * Shows the state of an upload in the drop zone.
 */

/** @typedef {"choose"|"sending"|"refused"} Section */

/**
 * Finds an element of the page that always exists.
 * @param {string} id the id of the element
 * @returns {any}
 */
export const element = (id) => document.getElementById(id);

const dropZone = element("drop-zone");
const pageTitle = document.title;
let lastAnnouncement = "";

/**
 * Shows one section of the drop zone and hides the others.
 * @param {Section} section
 */
export function showSection(section) {
  dropZone.dataset.state = section;
  element("upload-choose").hidden = section === "sending";
  element("upload-sending").hidden = section !== "sending";
  element("upload-refused").hidden = section !== "refused";
}

/**
 * Shows how far the upload is, in the drop zone and in the title of the page.
 * @param {string} name what is uploaded
 * @param {string} text one line about the progress
 * @param {number} share what is done, 0 to 100
 */
export function showProgress(name, text, share) {
  element("upload-name").textContent = name;
  element("upload-text").textContent = text;
  element("upload-bar").value = share;
  document.title = `${share} % · ${pageTitle}`;
}

/** Sets the title of the page back to what it was without an upload. */
export function resetTitle() {
  document.title = pageTitle;
}

/**
 * Shows why an upload was refused, and moves the focus there.
 * @param {string} detail the reason
 */
export function showError(detail) {
  resetTitle();
  element("upload-error").textContent = detail;
  showSection("refused");
  element("upload-refused").focus();
}

/**
 * Tells screen readers something; the same text is not repeated.
 * @param {string} text
 */
export function announce(text) {
  if (text !== lastAnnouncement) element("upload-status").textContent = lastAnnouncement = text;
}
