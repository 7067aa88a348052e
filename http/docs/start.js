// Swagger UI, whether somebody is logged in, enters a token, or the API is open.

/** No login is needed and nobody is logged in, so there is no session to ask for. */
const isOpen = document.documentElement.hasAttribute("data-open");

/** This browser's session, if any. Fetched each time, since another tab may have ended it. */
async function session() {
  if (isOpen) return undefined;
  try {
    const answer = await fetch("/session");
    const found = await answer.json(); // a response whose body is never read is a request that never ends
    return answer.ok ? found : undefined;
  } catch {
    return undefined;
  }
}

/** A change made with a session needs its CSRF token. */
async function withCsrf(request) {
  if (/^(GET|HEAD)$/i.test(request.method ?? "GET")) return request;
  const { csrf } = (await session()) ?? {};
  if (csrf) request.headers["X-CSRF-Token"] = csrf;
  return request;
}

/** Swagger UI has a dark theme, but doesn't follow the system's preference. */
function follow({ matches }) {
  document.documentElement.classList.toggle("dark-mode", matches);
}
const dark = matchMedia("(prefers-color-scheme: dark)");
follow(dark);
dark.addEventListener("change", follow);

window.ui = SwaggerUIBundle({
  url: "/swagger/json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  validatorUrl: null,
  requestInterceptor: withCsrf,
});
session().then((found) => {
  const who = document.getElementById("who");
  if (found) who.textContent = `${found.user ?? found.name} (${found.role}), log out`;
  else if (isOpen) who.textContent = "Open API: no login needed";
});
