/**
 * The slider that compares an image before and after: a divider that mouse, touch and the arrow keys move.
 * Without this script both images are shown side by side. The pages load it, and each report holds it.
 */

/** @param {HTMLElement} figure a `data-compare` with `data-compare-images` and a hidden `data-compare-control` */
function activate(figure) {
  const images = /** @type {HTMLElement} */ (figure.querySelector("[data-compare-images]"));
  const control = /** @type {HTMLElement} */ (figure.querySelector("[data-compare-control]"));
  const range = /** @type {HTMLInputElement} */ (control.querySelector("input"));

  const show = () => {
    const share = Number(range.value);
    images.style.setProperty("--split", `${share}%`);
    range.setAttribute("aria-valuetext", `${share} % original, ${100 - share} % protected`);
  };
  /** @param {PointerEvent} event */
  const moveTo = (event) => {
    const box = images.getBoundingClientRect();
    const share = (100 * (event.clientX - box.left)) / box.width;
    range.value = String(Math.round(Math.min(100, Math.max(0, share))));
    show();
  };
  range.addEventListener("input", show);
  images.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    images.setPointerCapture(event.pointerId);
    moveTo(event);
  });
  images.addEventListener("pointermove", (event) => {
    if (images.hasPointerCapture(event.pointerId)) moveTo(event);
  });
  for (const image of images.querySelectorAll("img")) image.draggable = false; // dragging must move the divider
  figure.classList.add("is-sliding");
  control.hidden = false;
  show();
}

function activateAll() {
  for (const figure of document.querySelectorAll("[data-compare]")) {
    if (figure instanceof HTMLElement && !figure.classList.contains("is-sliding")) activate(figure);
  }
}

document.addEventListener("refreshed", activateAll); // a refresh can add or replace figures
activateAll();
