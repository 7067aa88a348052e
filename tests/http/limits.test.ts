// Too much of something: failed logins, a user's requests. Counted over both processes, or by each separately.
import { afterAll, beforeAll, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { networkOf } from "../../pool/audit/network.ts";
import { startPool, type TestPool } from "../support/pool.ts";
import { call, fromProxy, PROXY_SECRET, startProgram } from "../support/program.ts";
import { logIn, withSession } from "../support/session.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(120_000);

const ADMIN = "the-admins-own-token";
const PASSWORD = "a password of uma's";
const bearer = { Authorization: `Bearer ${ADMIN}` };
let pool: TestPool;
const admin = (method: string, path: string, body?: unknown) => call(pool.api, method, path, body, bearer);

beforeAll(async () => {
  pool = await startPool(0, {
    apis: 2,
    settings: { ADMIN_TOKEN: ADMIN, MAX_REQUESTS_PER_MINUTE: "20", PROXY_SECRET },
  });
  for (const name of ["uma", "una", "ursula"])
    expect((await admin("POST", "/users", { name, password: PASSWORD })).status).toBe(201);
});
afterAll(() => pool.stop());
beforeEach(async () => {
  await pool.sql("DELETE FROM login_tries");
});

let turn = 0;
/** Tries to log in, alternating between the two processes. */
const attempt = (input: Record<string, string>, address: string) =>
  call(
    pool.apis[turn++ % 2] as TestPool["api"],
    "POST",
    "/session",
    input,
    fromProxy({ "X-Forwarded-For": address }),
  );
const wrong = (user: string) => ({ user, password: "not that one" });
const right = (user: string) => ({ user, password: PASSWORD });
const codes = async (tries: ReturnType<typeof attempt>[]) =>
  (await Promise.all(tries)).map(({ body }) => body.code ?? "in");
const times = <T>(n: number, work: (i: number) => T) => Array.from({ length: n }, (_, i) => work(i));
const events = (action: string, object: string) =>
  pool.sql("SELECT actor, address, details FROM events WHERE action = ? AND object = ?", [action, object]);

test("a name: ten failed logins in 15 minutes, over all processes and addresses, even many at once", async () => {
  const said = await codes(times(14, (i) => attempt(wrong("uma"), `192.0.2.${i}`)));
  expect(said.filter((code) => code === "login_failed")).toHaveLength(10);
  expect(said.filter((code) => code === "too_many_logins")).toHaveLength(4);
  // Now not even with the password, which is not checked; others are not affected.
  const { status, body, headers } = await attempt(right("uma"), "192.0.2.99");
  expect([status, body.code]).toEqual([429, "too_many_logins"]);
  expect(Number(headers.get("retry-after"))).toBeWithin(800, 901);
  expect(body.error).toContain(headers.get("retry-after") as string);
  expect(await codes([attempt(right("una"), "192.0.2.1")])).toEqual(["in"]);

  const failed = await events("login.failed", "uma");
  expect(failed).toHaveLength(10);
  expect(failed[0]).toMatchObject({ actor: "nobody", address: expect.stringMatching(/^192\.0\.2\./) });
  const limited = await events("login.limited", "uma");
  expect(limited.map(({ details }) => details)).toEqual([
    { by: "account", tries: 10, seconds: expect.any(Number) },
  ]);

  // When the 15 minutes are over, the count starts over.
  await pool.sql("UPDATE login_tries SET until = UTC_TIMESTAMP(3)");
  expect(await codes([attempt(wrong("uma"), "192.0.2.1"), attempt(right("uma"), "192.0.2.1")])).toEqual([
    "login_failed",
    "in",
  ]);
});

test("a successful login resets the name's count", async () => {
  for (let round = 0; round < 3; round++) {
    expect(await codes(times(9, () => attempt(wrong("una"), "192.0.2.20")))).toEqual(
      times(9, () => "login_failed"),
    );
    expect(await codes([attempt(right("una"), "192.0.2.20")])).toEqual(["in"]);
  }
  // Successful logins don't count against the address either: 27 failed.
  const [row] = await pool.sql("SELECT tries FROM login_tries WHERE who = 'address:192.0.2.20'");
  expect(row.tries).toBe(27);
});

test("an unknown name is limited in the same way", async () => {
  const said = await codes(times(12, (i) => attempt(wrong("nobody"), `192.0.2.${i}`)));
  expect(said.filter((code) => code === "too_many_logins")).toHaveLength(2);
});

test("an address: fifty failed logins, whatever the name; tokens count too", async () => {
  const from = "192.0.2.50";
  const said = await codes(
    times(54, (i) => attempt(i % 2 ? wrong(`user-${i}`) : { token: `mm_not-a-token-${i}` }, from)),
  );
  expect(said.filter((code) => code === "login_failed")).toHaveLength(50);
  expect(await codes([attempt(right("una"), from), attempt({ token: ADMIN }, from)])).toEqual([
    "too_many_logins",
    "too_many_logins",
  ]);
  expect(await codes([attempt(right("una"), "192.0.2.51")])).toEqual(["in"]);
  expect((await events("login.limited", from)).map(({ details }) => details.by)).toEqual(["address"]);
  // A token in a header is not a login: it may be tried, since 256 bits can't be guessed.
  expect(
    (await call(pool.api, "GET", "/users", undefined, fromProxy({ ...bearer, "X-Forwarded-For": from })))
      .status,
  ).toBe(200);
});

test("successful logins are counted too; a user may have twenty sessions, and the next one ends the oldest", async () => {
  const from = "192.0.2.60";
  const first = await attempt(right("ursula"), from);
  const cookie = first.headers.get("set-cookie")?.split(";")[0] ?? "";
  const here = () =>
    call(pool.api, "GET", "/session", undefined, { Cookie: cookie }).then(({ status }) => status);
  expect(await here()).toBe(200);
  // One at a time: only ten may be in progress at once.
  const said: string[] = [];
  for (let n = 0; n < 64; n++) said.push(...(await codes([attempt(right("ursula"), from)])));
  expect(said.filter((code) => code === "in")).toHaveLength(59);
  expect(said.filter((code) => code === "too_many_logins")).toHaveLength(5);
  expect(await here()).toBe(401);
  const [{ n }] = await pool.sql(
    "SELECT COUNT(*) AS n FROM sessions s JOIN users u ON u.id = s.user_id WHERE u.name = 'ursula'",
  );
  expect(n).toBe(20);
  expect((await events("session.ended", "ursula")).map(({ details }) => details.by)).toContain("newer ones");
  // The same with a token.
  const { token } = (await admin("POST", "/tokens", { user: "una", name: "many" })).body;
  const byToken: string[] = [];
  for (let n = 0; n < 63; n++) byToken.push(...(await codes([attempt({ token }, from)])));
  expect(byToken.filter((code) => code === "in")).toHaveLength(60);
});

test("a trailing blank in a name doesn't give a second budget of guesses", async () => {
  expect(await codes(times(10, () => attempt(wrong("uma"), "192.0.2.70")))).toEqual(
    times(10, () => "login_failed"),
  );
  for (const name of ["uma ", "uma\u00a0", " uma", "UMA", "uma\u200b"])
    expect([name, ...(await codes([attempt(right(name), "192.0.2.71")]))]).toEqual([name, "login_failed"]);
  expect(await codes([attempt(right("uma"), "192.0.2.71")])).toEqual(["too_many_logins"]);
});

test("a client at the API's own port can't claim another address", async () => {
  const forged = (i: number, secret: Record<string, string>) =>
    call(
      pool.api,
      "POST",
      "/session",
      { token: `mm_no-token-${i}` },
      {
        ...secret,
        "X-Forwarded-For": `198.51.100.${i}`, // no other test's
        "X-Request-Id": `forged-${i}-request`,
      },
    );
  const before = Number((await pool.sql("SELECT MAX(id) AS id FROM events"))[0].id);
  const said = await codes(
    times(54, (i) => forged(i, i % 2 ? {} : { "X-Proxy-Secret": `${PROXY_SECRET.slice(0, -1)}-` })),
  );
  expect(said.filter((code) => code === "too_many_logins")).toHaveLength(4);
  const of = "SELECT COUNT(*) AS n FROM events WHERE id > ? AND address LIKE ?";
  const [ours] = await pool.sql(`${of} AND action = 'login.failed'`, [before, "127.0.0.1"]);
  expect(ours.n).toBe(50);
  expect(await pool.sql(of, [before, "198.51.100.%"])).toEqual([{ n: 0 }]);
  expect(await pool.sql("SELECT 1 FROM events WHERE request_id LIKE 'forged-%'")).toEqual([]);
  for (const { log } of pool.apis) expect(log()).not.toContain(PROXY_SECRET.slice(0, -1));
});

test("an IPv6 address counts as its network, an IPv4-mapped one as IPv4", () => {
  expect(networkOf("192.0.2.1")).toBe("192.0.2.1");
  expect(networkOf("::ffff:192.0.2.1")).toBe("192.0.2.1");
  expect(networkOf("2001:db8:0:1:2:3:4:5")).toBe("2001:db8:0:1::/64");
  expect(networkOf("2001:DB8::1")).toBe("2001:db8:0:0::/64");
  expect(networkOf("2001:0db8:0000:0000:ffff::")).toBe("2001:db8:0:0::/64");
  expect(networkOf("::1")).toBe("0:0:0:0::/64");
  expect(networkOf("")).toBe("");
});

test("what was typed as a name is recorded only if it could be one", async () => {
  await attempt(wrong("my password, by mistake"), "192.0.2.60");
  await attempt(wrong("x".repeat(65)), "192.0.2.60");
  const failures = await events("login.failed", "?");
  expect(failures.filter(({ address }) => address === "192.0.2.60")).toHaveLength(2);
  expect(JSON.stringify(await pool.sql("SELECT * FROM events"))).not.toContain("by mistake");
  expect(JSON.stringify(await pool.sql("SELECT * FROM login_tries"))).not.toContain("by mistake");
});

test("an unknown name takes as long to refuse as a wrong password", async () => {
  await admin("POST", "/users", { name: "bare" });
  const took: Record<string, number[]> = { ursula: [], bare: [], "nobody-at-all": [] };
  for (let round = 0; round < 9; round++)
    for (const [user, list] of Object.entries(took)) {
      const from = performance.now();
      expect((await attempt(wrong(user), `198.51.100.${round}`)).status).toBe(401);
      list.push(performance.now() - from);
    }
  // The fastest of each, since other work here only adds time. Without hashing, it would be a tenth.
  const [real = 0, bare = 0, nobody = 0] = Object.values(took).map((list) => Math.min(...list));
  for (const other of [bare, nobody]) expect(other / real).toBeWithin(0.5, 2);
});

/** Sends requests until the rate limit. @returns how many were accepted in that minute, and the refusal */
async function untilLimited(headers: Record<string, string>, at = pool.api) {
  let accepted = 0;
  const refused = await until(
    "the limit bites",
    60_000,
    async () => {
      const answer = await call(at, "GET", "/available", undefined, headers);
      if (answer.status === 429) return answer;
      expect(answer.status).toBe(200);
      accepted++;
      return undefined;
    },
    0,
  );
  return { accepted, refused };
}

test("requests a minute: per user, with all their tokens and sessions; each process counts separately", async () => {
  const { body } = await admin("POST", "/tokens", { user: "una", name: "t" });
  const token = { Authorization: `Bearer ${body.token}` };
  const session = withSession(await logIn(pool.api, right("una")));
  const { accepted, refused } = await untilLimited(token);
  // A minute may have ended in the meantime.
  expect(accepted).toBeWithin(20, 40);
  expect(refused.body).toMatchObject({
    code: "rate_limited",
    error: expect.stringContaining("20 requests a minute"),
  });
  expect(Number(refused.headers.get("retry-after"))).toBeWithin(1, 61);
  if (Number(refused.headers.get("retry-after")) > 5) {
    expect((await call(pool.api, "GET", "/session", undefined, session)).status).toBe(429);
    expect((await call(pool.apis[1] as TestPool["api"], "GET", "/session", undefined, session)).status).toBe(
      200,
    );
  }
  for (const answer of await Promise.all(times(60, () => admin("GET", "/available"))))
    expect(answer.status).toBe(200);
});

test("a user's own limit overrides that of the settings, at once", async () => {
  const session = withSession(await logIn(pool.api, right("uma")));
  expect(
    (await admin("PATCH", "/users/uma", { max_requests_per_minute: 3 })).body.max_requests_per_minute,
  ).toBe(3);
  const { accepted, refused } = await untilLimited(session);
  expect(accepted).toBeWithin(3, 7);
  expect(refused.body.error).toContain("3 requests a minute");
  expect((await admin("PATCH", "/users/uma", { max_requests_per_minute: 0 })).status).toBe(400);
  expect((await admin("PATCH", "/users/uma", { max_requests_per_minute: null })).status).toBe(200);
  const made = { name: "uli", max_requests_per_minute: 7, password: PASSWORD };
  expect((await admin("POST", "/users", made)).body.max_requests_per_minute).toBe(7);
});

test("without a limit in the settings there is none", async () => {
  const free = await startProgram({ ...pool.settings, MAX_REQUESTS_PER_MINUTE: "0" });
  const session = withSession(await logIn(free, right("ursula")));
  const ask = () => call(free, "GET", "/session", undefined, session);
  for (const { status } of await Promise.all(times(100, ask))) expect(status).toBe(200);
  await free.stop();
});
