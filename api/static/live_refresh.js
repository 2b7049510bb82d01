/**
 * Replaces the parts of a page marked `data-live` by what the server renders now.
 * The same template renders the first state and every later one.
 */

const GROWTH = 1.4; // of the time between two refreshes

/** The HTML of each live part as the server rendered it last, by id. Scripts change the page itself, such as its times. */
const serverHtml = new Map(Array.from(document.querySelectorAll("[data-live]"), (part) => [part.id, part.outerHTML]));

/** The title as the server rendered it last. Scripts put the progress in front of it. */
let serverTitle = document.title;

/** The last announcement. A screen reader reads the first state without one. */
let lastAnnouncement = announcement();

/** @returns {string} the text to announce, which changes only with the state */
function announcement() {
  const source = document.querySelector("[data-announce]");
  return source instanceof HTMLElement ? (source.dataset.announce ?? "") : "";
}

function announce() {
  const status = document.getElementById("announce");
  if (status && announcement() !== lastAnnouncement) status.textContent = lastAnnouncement = announcement();
}

/**
 * Replaces every live part whose HTML changed on the server, and keeps the focus.
 * @returns {Promise<boolean>} false if the server did not answer with the page
 */
export async function refresh() {
  let html;
  try {
    const response = await fetch(location.href, { headers: { Accept: "text/html" }, cache: "no-store" });
    if (!response.ok || response.redirected) return false;
    html = await response.text();
  } catch {
    return false; // the server does not answer now; the next refresh tries again
  }
  const fresh = new DOMParser().parseFromString(html, "text/html");
  const focusedId = document.activeElement?.id;
  for (const oldPart of document.querySelectorAll("[data-live]")) {
    const newPart = fresh.getElementById(oldPart.id);
    if (!newPart || newPart.outerHTML === serverHtml.get(oldPart.id)) continue;
    serverHtml.set(oldPart.id, newPart.outerHTML);
    oldPart.replaceWith(document.adoptNode(newPart));
  }
  if (fresh.title !== serverTitle) document.title = serverTitle = fresh.title;
  announce();
  if (focusedId && document.activeElement?.id !== focusedId) document.getElementById(focusedId)?.focus();
  document.dispatchEvent(new CustomEvent("refreshed"));
  return true;
}

/**
 * Refreshes the page again and again while it has an element marked `data-busy`: soon at first, as most work takes
 * seconds, and then less often.
 * @param {number} first milliseconds until the first refresh
 * @param {number} longest milliseconds between two refreshes, at most
 */
export function refreshWhileBusy(first, longest) {
  let wait = first;
  const refreshIfBusy = async () => {
    const isBusy = !document.hidden && document.querySelector("[data-busy]") !== null;
    if (isBusy) await refresh();
    wait = isBusy ? Math.min(longest, wait * GROWTH) : first;
    setTimeout(refreshIfBusy, wait);
  };
  setTimeout(refreshIfBusy, first);
}
