// Swagger UI, for whoever is logged in, or types in a token, or finds the API open.

/** The session of this browser, if there is one: asked for anew, since another tab may have ended it. */
const session = () =>
  fetch("/session").then(
    (answer) => (answer.ok ? answer.json() : undefined),
    () => undefined,
  );

/** A change with a session needs its CSRF token. */
async function withCsrf(request) {
  if (/^(GET|HEAD)$/i.test(request.method ?? "GET")) return request;
  const { csrf } = (await session()) ?? {};
  if (csrf) request.headers["X-CSRF-Token"] = csrf;
  return request;
}

window.ui = SwaggerUIBundle({
  url: "/swagger/json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  validatorUrl: null,
  requestInterceptor: withCsrf,
});
session().then((found) => {
  if (found)
    document.getElementById("who").textContent = `${found.user ?? found.name} (${found.role}), log out`;
});
