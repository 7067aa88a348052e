// The main job, as users see it: curl over HTTPS, a login over SSH, and nobody left logged in when the time is up.
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { startPool, type TestPool } from "../support/pool.ts";
import { startProxy, type TlsProxy } from "../support/proxy.ts";
import { canLogIn, ssh } from "../support/ssh.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(120_000);

let pool: TestPool;
let proxy: TlsProxy;
beforeAll(async () => {
  pool = await startPool(2, { scheduler: true });
  proxy = await startProxy(new URL(pool.api.url).host);
});
afterAll(async () => {
  await proxy.stop();
  await pool.stop();
});

test("HTTPS → API → SSH: the account works for its time, and not 10 s longer", async () => {
  const asked = await fetch(
    `https://localhost:${proxy.https}/reserve?username=alice&password=wonderland&count=2&duration=1`,
    { tls: { ca: proxy.ca } },
  );
  expect(asked.status).toBe(200);
  const { machines, reserved_until } = (await asked.json()) as {
    machines: { port: number }[];
    reserved_until: string;
  };
  expect(machines).toHaveLength(2);
  const logins = machines.map(({ port }) => ({ port, username: "alice", password: "wonderland" }));
  for (const login of logins)
    expect(
      await ssh(login, "(nohup sleep 1000 >/dev/null 2>&1 &); touch /tmp/mine /dev/shm/mine; id -un"),
    ).toBe("alice");

  // Being logged in and busy when the time ends keeps nobody inside.
  const session = ssh(logins[0] as (typeof logins)[0], "sleep 300").catch(() => "cut off");
  expect(Date.parse(reserved_until) - Date.now()).toBeWithin(40_000, 61_000);
  // Instead of waiting for the whole minute.
  await pool.sql("UPDATE reservations SET ends_at = UTC_TIMESTAMP(3) + INTERVAL 5 SECOND");
  const end = Date.now() + 5000;
  await until(
    "no account is left",
    end - Date.now() + 10_000,
    async () => {
      const seen = await Promise.all(pool.machines.map(({ exec }) => exec("grep -c ^alice: /etc/passwd")));
      return seen.every(({ stdout }) => stdout === "0\n");
    },
    500,
  );
  expect(Date.now()).toBeGreaterThan(end - 1000);
  for (const login of logins) expect(await canLogIn(login)).toBe(false);
  expect(["cut off", ""]).toContain(await session);
  for (const { exec } of pool.machines)
    expect((await exec("ls /home /dev/shm; ls /tmp | grep mine; pgrep -x sleep")).stdout.trim()).toBe(
      "/dev/shm:\n\n/home:",
    );
  for (const log of [proxy.log(), pool.api.log(), pool.scheduler?.log() ?? ""])
    expect(log).not.toContain("wonderland");
  await until("the machines are free again", 5000, async () => {
    const answer = await fetch(`https://localhost:${proxy.https}/available`, { tls: { ca: proxy.ca } });
    return ((await answer.json()) as { available: string[] }).available.length === 2;
  });
});
