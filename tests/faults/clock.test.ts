// Fault 7: clocks that are an hour off: the API's, the scheduler's, a machine's. Only the database's clock decides.
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import ssh2 from "ssh2";
import { freePort, type TestMachine } from "../support/machines.ts";
import { startPool, type TestPool } from "../support/pool.ts";
import { call, type Program, startProgram } from "../support/program.ts";
import { canLogIn } from "../support/ssh.ts";
import { until } from "../support/until.ts";
import { check, settle } from "./tools/checker.ts";
import { newKey } from "./tools/fake_ssh.ts";
import { injected } from "./tools/table.ts";

setDefaultTimeout(300_000);

const HOUR = 3_600_000;
const OFF = { ahead: "+3600s", behind: "-3600s" } as const;

let pool: TestPool;
/** What libfaketime keeps in shared memory; it forgets to remove it when it is killed. */
const shared = () => readdirSync("/dev/shm").filter((name) => name.includes("faketime_"));
const before = new Set(shared());
beforeAll(async () => {
  pool = await startPool(4, { prefix: "clock-", settings: { EXPIRE_EVERY: "1" } });
});
afterAll(async () => {
  await pool.stop();
  for (const name of shared()) if (!before.has(name)) rmSync(join("/dev/shm", name), { force: true });
});

const databaseNow = async (): Promise<number> =>
  (await pool.sql("SELECT UTC_TIMESTAMP(3) AS t"))[0].t.getTime();
const wrong = (role: "api" | "scheduler", by: keyof typeof OFF) =>
  startProgram(pool.settings, role, { wrap: ["faketime", "-m", "--exclude-monotonic", "-f", OFF[by]] });
/** How far a program's own clock is from ours, in hours, by its last log line. */
function hoursOff(program: Program): number {
  const times = [...program.log().matchAll(/"time":"([^"]+)"/g)];
  return Math.round((Date.parse(times.at(-1)?.[1] ?? "") - Date.now()) / HOUR);
}

const keyText = newKey();
const publicKey = (() => {
  const parsed = ssh2.utils.parseKey(keyText);
  if (parsed instanceof Error) throw parsed;
  const one = Array.isArray(parsed) ? parsed[0] : parsed;
  return `${one.type} ${one.getPublicSSH().toString("base64")}`;
})();

/** A short and a long reservation, each by password and by key: what the API says about them, when they end, who gets in. */
async function liveThrough(api: { url: string }): Promise<string[]> {
  const bad: string[] = [];
  const ask = async (username: string, duration: number, credential: Record<string, unknown>) => {
    const before = await databaseNow();
    const { status, body } = await call(api, "POST", "/reservations", { username, duration, ...credential });
    const after = await databaseNow();
    if (status !== 201) throw new Error(`${username}: ${status} ${JSON.stringify(body)}`);
    const ends = Date.parse(body.reserved_until);
    if (ends < before + duration * 60_000 || ends > after + duration * 60_000)
      bad.push(
        `${username} ends at ${body.reserved_until}, not ${duration} minutes from now by the database`,
      );
    const login = {
      port: body.machines[0].port,
      username,
      ...("password" in credential ? { password: "pw" } : { privateKey: keyText }),
    };
    return { id: body.id as string, username, machine: body.machines[0].machine as string, login };
  };
  const password = { password: "pw" };
  const keys = { ssh_public_keys: [publicKey] };
  const short = [await ask("shortpw", 1, password), await ask("shortkey", 1, keys)];
  const long = [await ask("longpw", 50, password), await ask("longkey", 50, keys)];
  const all = [...short, ...long];
  const getIn = (these: typeof all, wanted: boolean, when: string) =>
    Promise.all(
      these.map(async ({ username, login }) => {
        if ((await canLogIn(login)) !== wanted)
          bad.push(`${username} ${wanted ? "can't" : "can"} log in ${when}`);
      }),
    );
  await getIn(all, true, "at first");
  const { reservations } = (await call(api, "GET", "/reservations")).body;
  for (const { username, time_remaining } of reservations) {
    const minutes = Number.parseFloat(time_remaining);
    const wanted = username.startsWith("short") ? 1 : 50;
    if (!(minutes > wanted - 0.5 && minutes <= wanted)) bad.push(`${username}: ${time_remaining}`);
  }
  if (reservations.length !== 4) bad.push(`${reservations.length} reservations are listed`);

  // Instead of waiting a minute, set the time left to two seconds, by the clock that decides.
  await pool.sql(
    "UPDATE reservations SET ends_at = UTC_TIMESTAMP(3) + INTERVAL 2 SECOND WHERE username LIKE 'short%' AND state = 'active'",
  );
  await until(
    "the short ones ended",
    30_000,
    async () =>
      (await pool.sql("SELECT 1 FROM reservations WHERE username LIKE 'short%' AND ended_at IS NULL"))
        .length === 0,
  );
  const ended = await pool.sql(
    "SELECT username, TIMESTAMPDIFF(MICROSECOND, ends_at, ended_at) / 1000000 AS late FROM reservations WHERE id IN (?)",
    [short.map(({ id }) => id)],
  );
  for (const { username, late } of ended)
    if (!(Number(late) >= 0 && Number(late) < 20)) bad.push(`${username} ended ${late} s after its time`);
  await getIn(short, false, "after its time");
  await getIn(long, true, "while the others end");
  for (const { username, machine } of short) {
    const { stdout } = (await pool.machines
      .find((one) => one.name === machine)
      ?.exec(`id ${username} 2>&1; ls /home`)) ?? { stdout: "?" };
    if (!stdout.includes("no such user") || stdout.includes(`\n${username}`))
      bad.push(`${username} is still on ${machine}: ${stdout}`);
  }
  bad.push(...(await check(pool)));
  for (const { id } of long)
    if ((await call(api, "DELETE", `/reservations/${id}`)).status !== 200) bad.push(`${id} was not released`);
  bad.push(...(await settle(pool)), ...(await check(pool)));
  return bad;
}

for (const [apiIs, schedulerIs] of [
  ["ahead", "ahead"],
  ["behind", "behind"],
  ["ahead", "behind"],
] as const)
  test(`the API's clock an hour ${apiIs}, the scheduler's an hour ${schedulerIs}`, async () => {
    const [api, scheduler] = await Promise.all([wrong("api", apiIs), wrong("scheduler", schedulerIs)]);
    // The fault is really in effect.
    expect([hoursOff(api), hoursOff(scheduler)]).toEqual([
      apiIs === "ahead" ? 1 : -1,
      schedulerIs === "ahead" ? 1 : -1,
    ]);
    const bad = await liveThrough(api);
    await Promise.all([api.stop(), scheduler.stop()]);
    injected("7 clock of API and scheduler", 1, bad);
    expect(bad).toEqual([]);
  });

/** A second sshd on a machine that sees another time, as do the commands that our steps use for it. @returns how to undo it */
async function withWrongClock(machine: TestMachine, offset: string): Promise<() => Promise<unknown>> {
  const library = (await machine.exec("find /usr -name libfaketimeMT.so.1 | head -n 1")).stdout.trim();
  const port = await freePort();
  const fake = `LD_PRELOAD=${library} FAKETIME=${offset}`;
  const made = await machine.exec(
    `mv /usr/bin/date /usr/bin/date.real; printf '#!/bin/sh\n${fake} exec /usr/bin/date.real "$@"\n' >/usr/bin/date; chmod 755 /usr/bin/date
     true`,
  );
  if (made.code !== 0) throw new Error(made.stderr);
  // In the host's network, like the machine's own socket.
  const inside = `nsenter --target=${machine.pid} --mount --pid --uts --ipc --root --wd -- env -i ${fake}`;
  await Bun.$`sh -c ${`${inside} /usr/sbin/sshd -p ${port} -o ListenAddress=127.0.0.1 -o PidFile=/run/wrong.pid`}`;
  await pool.sql("UPDATE machines SET port = ? WHERE name = ?", [port, machine.name]);
  // The fault is really in effect: a key that ends (or ended) half an hour from now shows that sshd's clock is off, too.
  const half = new Date(Date.now() + (offset.startsWith("+") ? HOUR / 2 : -HOUR / 2));
  const stamp = `${half.toISOString().slice(0, 19).replace(/[-:T]/g, "")}Z`;
  await machine.exec(
    `mkdir -p -m 700 /root/.ssh; echo 'expiry-time="${stamp}" ${publicKey}' >/root/.ssh/authorized_keys`,
  );
  const [wrongly, rightly] = await Promise.all(
    [port, machine.port].map((at) => canLogIn({ port: at, username: "root", privateKey: keyText })),
  );
  expect([wrongly, rightly]).toEqual(offset.startsWith("+") ? [false, true] : [true, false]);
  const seen = Number((await machine.exec("date +%s")).stdout) * 1000;
  expect(Math.round((seen - Date.now()) / HOUR)).toBe(offset.startsWith("+") ? 1 : -1);
  return async () => {
    await machine.exec(
      "mv /usr/bin/date.real /usr/bin/date; kill $(cat /run/wrong.pid); rm -f /root/.ssh/authorized_keys",
    );
    await pool.sql("UPDATE machines SET port = ? WHERE name = ?", [machine.port, machine.name]);
  };
}

for (const by of ["ahead", "behind"] as const)
  test(`every machine's own clock an hour ${by}`, async () => {
    const back = await Promise.all(pool.machines.map((machine) => withWrongClock(machine, OFF[by])));
    const scheduler = await startProgram(pool.settings, "scheduler");
    const bad = await liveThrough(pool.api);
    await scheduler.stop();
    for (const undo of back) await undo();
    injected("7 clock of the machines", pool.machines.length, bad);
    expect(bad).toEqual([]);
  });
