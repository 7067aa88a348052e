import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { newSettings, type Program, startProgram } from "../support/program.ts";

setDefaultTimeout(60_000);

let open: Program;
beforeAll(async () => {
  open = await startProgram(await newSettings());
});
afterAll(async () => {
  await open.stop();
});

async function answer(path: string, headers: Record<string, string>, program = open) {
  const response = await fetch(program.url + path, { headers });
  return [response.status, ((await response.json()) as { code?: string }).code];
}
const here = () => new URL(open.url).host;

test("without a token, a browser's request for another site is refused", async () => {
  for (const site of ["cross-site", "same-site"])
    expect(await answer("/available", { "Sec-Fetch-Site": site })).toEqual([403, "cross_site"]);
  for (const origin of ["https://evil.example", "null", `http://localhost:1`])
    expect(await answer("/available", { Origin: origin })).toEqual([403, "cross_site"]);
  expect(await answer("/reserve?username=a", { "Sec-Fetch-Site": "cross-site" })).toEqual([
    403,
    "cross_site",
  ]);
});

test("without a token, a foreign host name that resolves to us is refused (DNS rebinding)", async () => {
  for (const host of [
    "evil.example",
    "evil.example:3000",
    "10.0.0.7",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
  ])
    expect(await answer("/available", { Host: host })).toEqual([403, "foreign_host"]);
});

test("people, curl and our own pages are allowed", async () => {
  for (const headers of [
    {},
    { Host: "localhost:8443" },
    { Host: "[::1]:443" },
    { Host: "127.0.0.1" },
    { "Sec-Fetch-Site": "none" },
    { "Sec-Fetch-Site": "same-origin", Origin: `http://${here()}` },
  ])
    expect((await answer("/available", headers))[0]).toBe(200);
  expect((await answer("/healthz", { Host: "evil.example" }))[0]).toBe(200);
});

test("with a token, only the token decides", async () => {
  const token = "0123456789abcdef";
  const closed = await startProgram({ ...(await newSettings()), ADMIN_TOKEN: token });
  const headers = { Host: "pool.example", "Sec-Fetch-Site": "cross-site" };
  expect(await answer("/available", headers, closed)).toEqual([401, "unauthorized"]);
  expect((await answer("/available", { ...headers, Authorization: `Bearer ${token}` }, closed))[0]).toBe(200);
  await closed.stop();
});
