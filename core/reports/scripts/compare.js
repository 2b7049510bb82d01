for (const figure of document.querySelectorAll("[data-compare]")) {
  const images = figure.querySelector(".images");
  const control = figure.querySelector(".control");
  const range = control.querySelector("input");
  const show = () => {
    images.style.setProperty("--split", `${range.value}%`);
    range.setAttribute("aria-valuetext", `${range.value} % original, ${100 - range.value} % protected`);
  };
  const moveTo = (event) => {
    const box = images.getBoundingClientRect();
    range.value = Math.round((100 * (event.clientX - box.left)) / box.width);
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
  for (const image of images.querySelectorAll("img")) image.draggable = false;
  figure.classList.add("sliding");
  control.hidden = false;
  show();
}
