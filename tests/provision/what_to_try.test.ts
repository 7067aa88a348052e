// What `just run` suggests at the end works: it names a machine only if it knows which one a reservation gets.
import { afterAll, expect, test } from "bun:test";
import type { Driver } from "../../provision/driver.ts";
import { whatToTry } from "../../provision/stack/what_to_try.ts";

let machines: { name: string; host: string; port: number; state?: string; drained?: boolean }[] = [];
const api = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  fetch: ({ headers }) =>
    headers.get("authorization") === "Bearer the-token"
      ? Response.json({ machines: machines.map((one) => ({ state: "available", drained: false, ...one })) })
      : Response.json({ error: "no token" }, { status: 401 }),
});
afterAll(() => api.stop(true));

/** The text for a pool of these machines. */
function suggestion(pool: typeof machines): Promise<string> {
  machines = pool;
  const settings = {
    names: [],
    get: (name: string) => (name === "HTTPS_PORT" ? "8443" : ""),
    secret: (name: string) => (name === "ADMIN_TOKEN" ? "the-token" : ""),
  };
  const headers = { authorization: "Bearer the-token" };
  return whatToTry({
    mode: "native",
    settings,
    api: () => ({ origin: api.url.origin, headers, tls: {} }),
  } as unknown as Driver);
}

test("a pool without machines: it suggests registering one, and no reservation, which can't work", async () => {
  const text = await suggestion([]);
  expect(text).toContain("just register-machine NAME HOST [PORT] [USER]");
  expect(text).not.toContain("/reserve");
  expect(text).not.toContain("ssh -p");
  expect(text).toContain("Machine Manager runs at https://localhost:8443 (mode: native)");
});

test("no machine is free: it says so, and where to see why, and suggests no reservation", async () => {
  const one = { host: "localhost", port: 2221 };
  const text = await suggestion([
    { ...one, name: "a", state: "quarantined" },
    { ...one, name: "b", state: "quarantined" },
    { ...one, name: "c", drained: true },
  ]);
  expect(text).toContain("No machine can be reserved right now: 2 quarantined, 1 drained.");
  expect(text).toContain(
    '  curl -k -H "Authorization: Bearer $ADMIN_TOKEN" https://localhost:8443/machines\n',
  );
  expect(text).not.toContain("/reserve");
  expect(
    await suggestion([
      { ...one, name: "a", state: "quarantined" },
      { ...one, name: "b" },
    ]),
  ).toContain("/reserve?");
});

test("one machine: the ssh line is for that one", async () => {
  const text = await suggestion([{ name: "rack-7", host: "rack-7.example.org", port: 2022 }]);
  expect(text).toContain("  ssh -p 2022 alice@rack-7.example.org\n");
  // The line uses a variable that a shell doesn't have by itself.
  expect(text).toContain("self-signed, and with your token in ADMIN_TOKEN: read -rs ADMIN_TOKEN):\n");
  expect(text).toContain('curl -k -H "Authorization: Bearer $ADMIN_TOKEN" "https://localhost:8443/reserve?');
});

test("several: the port is in the response, not a guess", async () => {
  const text = await suggestion(
    [1, 2, 3, 4].map((n) => ({ name: `alpine-${n}`, host: "localhost", port: 2220 + n })),
  );
  expect(text).toContain("  ssh -p PORT alice@HOST\n");
  expect(text).not.toMatch(/ssh -p \d/);
  expect(text).toContain("alpine-1 is localhost -p 2221, alpine-2 is localhost -p 2222");
});
