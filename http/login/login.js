// The login page. Scripts can't read the cookie itself.
const $ = (id) => document.getElementById(id);

function showError(words) {
  $("error").textContent = words;
  $("error").hidden = words === "";
}

/** Calls the API. Shows an error and returns undefined if it fails. */
async function ask(method, body, headers = {}) {
  try {
    const answer = await fetch("/session", {
      method,
      headers: body ? { "Content-Type": "application/json", ...headers } : headers,
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    const said = await answer.json();
    if (answer.ok) return said;
    if (method !== "GET" || answer.status !== 401) showError(said.error);
  } catch {
    showError("Machine Manager is not responding; try again in a moment.");
  }
}

function show(session) {
  $("in").hidden = !session;
  $("out").hidden = Boolean(session);
  if (!session) return;
  $("name").textContent = session.user ?? session.name;
  $("role").textContent = session.role;
  $("until").dateTime = session.ends_at;
  $("until").textContent = new Date(session.ends_at).toLocaleString();
}

/** Where to go now: one of our own pages, wherever the link came from; the fragment is the operation that was open. */
function next() {
  const to = new URLSearchParams(location.search).get("to") ?? "";
  return /^\/ui\/[a-z]*$/.test(to) ? to : `/swagger${location.hash}`;
}

async function logIn(event) {
  event.preventDefault();
  const form = event.currentTarget;
  const button = form.querySelector("button");
  showError("");
  button.disabled = true;
  const session = await ask("POST", Object.fromEntries(new FormData(form)));
  button.disabled = false;
  if (session) location.assign(next());
  else form.querySelector("input[type=password]").select();
}

async function logOut() {
  showError("");
  // Asked again: another tab may have logged in as somebody else.
  const session = await ask("GET");
  if (session && !(await ask("DELETE", undefined, { "X-CSRF-Token": session.csrf }))) return;
  show(undefined);
}

$("by-password").addEventListener("submit", logIn);
$("by-token").addEventListener("submit", logIn);
$("logout").addEventListener("click", logOut);
if (document.documentElement.hasAttribute("data-open")) show(undefined);
else
  ask("GET").then((session) => {
    // Sent here by a page, although there is a session: the browser doesn't send it with a link from another site.
    if (session && location.search) location.replace(next());
    else show(session);
  });
