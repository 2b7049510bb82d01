// Starts Swagger UI on the page /docs, in the colours that the browser prefers.

const element = document.getElementById("api-browser");
const dark = window.matchMedia("(prefers-color-scheme: dark)");

function applyColorScheme() {
  document.documentElement.classList.toggle("dark-mode", dark.matches);
}

applyColorScheme();
dark.addEventListener("change", applyColorScheme);

window.SwaggerUIBundle({
  domNode: element,
  url: element.dataset.openapi,
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  validatorUrl: null, // no request to another host
});
