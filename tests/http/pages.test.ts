// The pages for browsers: who sees them, where they lead, and what they are made of.
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { POLICY } from "../../http/ui/ui.ts";
import { build } from "../../web/build.ts";
import { call, newSettings, type Program, type Settings, startProgram } from "../support/program.ts";
import { logIn, withSession } from "../support/session.ts";

setDefaultTimeout(60_000);

const ADMIN = "the-admins-own-token";
const BROWSER = { Accept: "text/html,application/xhtml+xml,*/*;q=0.8" };
let settings: Settings;
let closed: Program;
let open: Program;
beforeAll(async () => {
  await build();
  settings = await newSettings();
  [closed, open] = await Promise.all([
    startProgram({ ...settings, ADMIN_TOKEN: ADMIN }),
    startProgram(settings),
  ]);
});
afterAll(() => Promise.all([closed?.stop(), open?.stop()]));

const look = (at: Program, path: string, headers: Record<string, string> = {}) =>
  fetch(at.url + path, { redirect: "manual", headers });
const SWAGGER = [
  "",
  "/",
  "/json",
  "/start.js",
  "/swagger-ui.css",
  "/swagger-ui-bundle.js",
  "/favicon-32x32.png",
];

test("with ADMIN_TOKEN, /swagger and everything below it requires a login or a token", async () => {
  const session = withSession(await logIn(closed, { token: ADMIN }));
  for (const end of [...SWAGGER, "/nothing"]) {
    const path = `/swagger${end}`;
    const there = end === "/nothing" ? 404 : 200;
    const asked = await look(closed, path);
    expect([path, asked.status]).toEqual([path, 401]);
    expect(((await asked.json()) as { code: string }).code).toBe("unauthorized");
    const browser = await look(closed, path, BROWSER);
    const place = end.length < 2 ? "/login?to=/swagger" : "/login";
    expect([browser.status, browser.headers.get("location")]).toEqual([303, place]);
    for (const headers of [{ Cookie: session.Cookie }, { Authorization: `Bearer ${ADMIN}` }])
      expect((await look(closed, path, headers)).status).toBe(there);
  }
  // Only pages redirect.
  expect((await look(closed, "/machines", BROWSER)).status).toBe(401);
});

test("only the health checks and what is needed to log in are open", async () => {
  for (const path of ["/healthz", "/readyz", "/login"]) {
    const { status, headers } = await look(closed, path);
    expect([path, status]).toEqual([path, 200]);
    expect(headers.get("content-type")).not.toBeNull();
  }
  for (const path of ["/login/x", "/loginx", "/login.html", "/healthz/x", "/sessions"])
    expect([path, (await look(closed, path)).status]).toEqual([path, 401]);
  for (const method of ["POST", "DELETE", "PUT"])
    expect((await call(closed, method, "/login")).status).toBe(401);
  expect((await call(closed, "PUT", "/session", {})).status).toBe(401);
});

test("without ADMIN_TOKEN everybody sees them, even through a link; the description says that the API is open", async () => {
  const followed = { ...BROWSER, "Sec-Fetch-Site": "cross-site" };
  for (const path of ["/swagger", "/swagger/json", "/login"])
    expect([path, (await look(open, path, followed)).status]).toEqual([path, 200]);
  const descriptionOf = async (at: Program) =>
    (await call(at, "GET", "/swagger/json", undefined, { Authorization: `Bearer ${ADMIN}` })).body.info
      .description;
  expect(await descriptionOf(open)).toContain("This API is open");
  expect(await descriptionOf(closed)).not.toContain("open");
});

test("no script or style of theirs is inline, and every input has a label and says what it is for", async () => {
  for (const path of ["/login", "/swagger"]) {
    const text = await (await look(open, path)).text();
    expect(text).not.toMatch(/<style|\son\w+=|\sstyle=|javascript:/i);
    for (const [, attributes = "", inside = ""] of text.matchAll(/<script([^>]*)>([^<]*)</g))
      expect([attributes.includes("src="), inside]).toEqual([true, ""]);
    for (const [input = "", id = ""] of text.matchAll(/<input id="([^"]+)"[^>]*>/g)) {
      expect(text).toContain(`<label for="${id}">`);
      expect(input).toMatch(/ autocomplete="(username|current-password|off)"/);
    }
    for (const [form] of text.matchAll(/<form[^>]*>/g)) expect(form).toContain('method="post"');
  }
});

test("/ leads browsers and programs to the dashboard, which leads to the login page and back", async () => {
  for (const headers of [{}, BROWSER, { Accept: "application/json" }]) {
    for (const [path, place] of [
      ["/", "/ui/"],
      ["/ui", "/ui/"],
    ] as const) {
      const { status, headers: said } = await look(open, path, headers);
      expect([path, status, said.get("location")]).toEqual([path, 303, place]);
    }
    expect((await look(closed, "/", headers)).status).toBe(303);
  }
  for (const [path, place] of [
    ["/ui/", "/login?to=/ui/"],
    ["/ui/nothing", "/login?to=/ui/nothing"],
    ["/ui/a/b", "/login"],
  ] as const)
    expect((await look(closed, path, BROWSER)).headers.get("location")).toBe(place);
  expect((await look(closed, "/ui/")).status).toBe(401);
  expect(await call(open, "POST", "/")).toMatchObject({ status: 405 });
});

test("the dashboard's page: no cache, no secrets, in the browser's language, and nothing inline", async () => {
  const session = withSession(await logIn(closed, { token: ADMIN }));
  const page = await look(closed, "/ui/", {
    ...BROWSER,
    Cookie: session.Cookie,
    "Accept-Language": "de, fr-CA;q=0.8",
  });
  const html = await page.text();
  expect(html).toContain('<html lang="fr">');
  expect(html).not.toMatch(/<style|\son\w+=|\sstyle=|javascript:|<script(?![^>]* src=)/i);
  expect(page.headers.get("cache-control")).toBe("no-cache");
  expect(page.headers.get("content-security-policy")).toBe(POLICY);
  const etag = page.headers.get("etag") ?? "";
  const same = { Cookie: session.Cookie, "Accept-Language": "fr", "If-None-Match": etag };
  expect((await look(closed, "/ui/", same)).status).toBe(304);
  expect(await (await look(open, "/ui/", { "Accept-Language": "x" })).text()).toContain(
    '<html lang="en" data-open>',
  );
  for (const path of [
    "/ui/nothing",
    "/ui/index.html",
    "/ui/assets/nothing.js",
    "/ui/assets/..%2findex.html",
  ]) {
    const answer = await look(open, path, BROWSER);
    expect([path, answer.status, ((await answer.json()) as { code: string }).code]).toEqual([
      path,
      404,
      "not_found",
    ]);
  }
});

test("its files need no login, never change under their names, and are sent in brotli to those who take it", async () => {
  const html = await (await look(open, "/ui/")).text();
  const files = [...html.matchAll(/"(\/ui\/assets\/[^"]+)"/g)].map(([, path = ""]) => path);
  expect(files.map((path) => path.split(".").at(-1)).sort()).toEqual(["css", "js"]);
  for (const path of files) {
    const [plain, small] = await Promise.all(
      ["gzip, br;q=0", "gzip, br"].map((encoding) => look(closed, path, { "Accept-Encoding": encoding })),
    );
    expect(plain?.headers.get("cache-control")).toBe("public, max-age=31536000, immutable");
    expect([plain?.headers.get("content-encoding"), small?.headers.get("content-encoding")]).toEqual([
      null,
      "br",
    ]);
    expect(small?.headers.get("vary")).toBe("Accept-Encoding");
    expect(await small?.text()).toBe((await plain?.text()) as string);
  }
});
