/**
 * Keeps parts of a page as the server would draw them now: the same template makes the first state and every later one.
 */

/** Each live part as the server drew it last, by id: scripts change what stands in the page, such as its times. */
const drawn = new Map(Array.from(document.querySelectorAll("[data-live]"), (part) => [part.id, part.outerHTML]));

/** The page's title as the server drew it last: scripts put in front of it how far something is. */
let titled = document.title;

/** What a screen reader was told last; the first state it reads by itself. */
let announced = words();

/** @returns {string} the state of the page in a few words that change only when the state does */
function words() {
  const state = document.querySelector("[data-announce]");
  return state instanceof HTMLElement ? (state.dataset.announce ?? "") : "";
}

function announce() {
  const place = document.getElementById("announce");
  if (place && words() !== announced) place.textContent = announced = words();
}

/**
 * Draws every element marked `data-live` anew where the server's drawing changed. The focus stays where it is.
 * @returns {Promise<boolean>} whether the page could be had
 */
export async function refresh() {
  let html;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" }, cache: "no-store" });
    if (!answer.ok || answer.redirected) return false;
    html = await answer.text();
  } catch {
    return false; // the server is away; the next try may find it
  }
  const fresh = new DOMParser().parseFromString(html, "text/html");
  const focused = document.activeElement?.id;
  for (const old of document.querySelectorAll("[data-live]")) {
    const now = fresh.getElementById(old.id);
    if (!now || now.outerHTML === drawn.get(old.id)) continue;
    drawn.set(old.id, now.outerHTML);
    old.replaceWith(document.adoptNode(now));
  }
  if (fresh.title !== titled) document.title = titled = fresh.title;
  announce();
  if (focused && document.activeElement?.id !== focused) document.getElementById(focused)?.focus();
  document.dispatchEvent(new CustomEvent("refreshed"));
  return true;
}

/**
 * Draws anew for as long as something on the page is still under way (`data-busy`).
 * @param {number} milliseconds between two looks
 */
export function refreshWhileBusy(milliseconds) {
  const look = async () => {
    if (!document.hidden && document.querySelector("[data-busy]")) await refresh();
    setTimeout(look, milliseconds);
  };
  setTimeout(look, milliseconds);
}
