/**
 * Makes the frame of the report as tall as the report, so that only the page scrolls.
 */

/** @param {HTMLIFrameElement} frame */
function followHeight(frame) {
  const setHeight = () => {
    const content = frame.contentDocument?.documentElement;
    if (content) frame.height = String(content.scrollHeight + 2);
  };
  frame.addEventListener("load", () => {
    setHeight();
    const body = frame.contentDocument?.body;
    if (body) new ResizeObserver(setHeight).observe(body);
  });
  setHeight();
}

/** @type {Element|null} the frame whose height is followed now */
let currentFrame = null;

function followReportFrame() {
  const frame = document.getElementById("report");
  if (frame instanceof HTMLIFrameElement && frame !== currentFrame) followHeight(frame);
  currentFrame = frame;
}

document.addEventListener("refreshed", followReportFrame); // a refresh can replace the frame
followReportFrame();
