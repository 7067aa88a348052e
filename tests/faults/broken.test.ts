// Fault 5, on real machines: each is broken in a different way, the others serve users, and the broken one is quarantined for
// as long as it is broken: never offered, not even in a loop.
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import type { TestMachine } from "../support/machines.ts";
import { startPool, type TestPool } from "../support/pool.ts";
import { call } from "../support/program.ts";
import { ssh } from "../support/ssh.ts";
import { until } from "../support/until.ts";
import { check, settle } from "./tools/checker.ts";
import { type Asked, Ledger } from "./tools/ledger.ts";
import { injected } from "./tools/table.ts";

setDefaultTimeout(400_000);

let pool: TestPool;
beforeAll(async () => {
  pool = await startPool(3, {
    scheduler: true,
    prefix: "brk-",
    settings: { SSH_TIMEOUT_SECONDS: "2", EXPIRE_EVERY: "1" },
  });
});
afterAll(() => pool.stop());

let count = 0;
const stateOf = async (machine: TestMachine) =>
  (
    await pool.sql("SELECT state, since, fault, last_error, retries, retry_at FROM machines WHERE name = ?", [
      machine.name,
    ])
  )[0];
const does = async (machine: TestMachine, command: string) => {
  const ran = await machine.exec(command);
  if (ran.code !== 0) throw new Error(`${command}: ${ran.stderr}`);
};

async function end(ledger: Ledger, bad: string[]): Promise<void> {
  for (const entry of ledger.asked) if (entry.id && !entry.ended) await ledger.release(pool.api, entry);
  bad.push(...(await settle(pool)), ...(await check(pool, { ledger })));
}

/** Machines that can't take an account: what breaks them, and what fixes them. */
const NO_ACCOUNTS: Record<string, [string, string]> = {
  "full disk": [
    "dd if=/dev/zero of=/var/lib/filler bs=64k 2>/dev/null; dd if=/dev/zero of=/var/lib/filler2 bs=1 2>/dev/null; true",
    "rm -f /var/lib/filler /var/lib/filler2",
  ],
  "read-only /etc": ["mount --bind /etc /etc && mount -o remount,bind,ro /etc", "umount /etc"],
  "no useradd": [
    "mkdir /root/away && mv /usr/sbin/useradd /usr/sbin/adduser /root/away/",
    "mv /root/away/* /usr/sbin/ && rmdir /root/away",
  ],
  "a lock on /etc/passwd whose owner lives": ["echo 1 >/etc/passwd.lock", "rm -f /etc/passwd.lock"],
};

for (const [name, [breaks, fixes]] of Object.entries(NO_ACCOUNTS))
  test(`a machine with ${name}`, async () => {
    const machine = pool.machines[0] as TestMachine;
    const ledger = new Ledger();
    const bad: string[] = [];
    await does(machine, breaks);
    // All three can't be reserved; that is detected, and then two can.
    const all = await ledger.reserve(pool.api, `brk${++count}`, 3);
    if (all.outcome !== "refused") bad.push(`three machines, one broken: ${all.status}`);
    const two = await ledger.reserve(pool.api, `brk${++count}`, 2);
    if (two.outcome !== "granted" || two.machines.includes(machine.name))
      bad.push(`two sound ones: ${two.status}`);
    await until(
      "it is quarantined",
      20_000,
      async () => (await stateOf(machine)).state === "quarantined",
    ).catch(() => bad.push("I5 the broken machine is not quarantined"));
    bad.push(...(await check(pool, { ledger })));
    // As long as it is broken, however often it is tried, it stays quarantined from the moment when it was.
    const aside = await stateOf(machine);
    await until("it was tried twice more", 60_000, async () => {
      const row = await stateOf(machine);
      if (row.state === "available") bad.push("I5 the broken machine is offered again and again");
      await pool.sql(
        "UPDATE machines SET retry_at = UTC_TIMESTAMP(3) WHERE name = ? AND state = 'quarantined'",
        [machine.name],
      );
      return bad.length > 0 || row.retries >= aside.retries + 2;
    }).catch((error) => bad.push(`I5 ${error.message}`));
    const said = await stateOf(machine);
    if (said.since.getTime() !== aside.since.getTime())
      bad.push("I5 the broken machine was offered meanwhile");
    await does(machine, fixes);
    await end(ledger, bad);
    const again = await ledger.reserve(pool.api, `brk${++count}`, 3);
    if (again.outcome !== "granted") bad.push(`I5 fixed, all three: ${again.status}`);
    await end(ledger, bad);
    const unique = [...new Set(bad)];
    injected(`5 ${name}`, 1, unique, `${said.fault}: ${said.last_error ?? ""}`);
    expect(unique).toEqual([]);
  });

test("a user fills the disk of their machine", async () => {
  const ledger = new Ledger();
  const bad: string[] = [];
  const mine = (await ledger.reserve(pool.api, "filler", 1)) as Asked;
  const machine = pool.machines.find((one) => one.name === mine.machines[0]) as TestMachine;
  const login = { port: machine.port, username: mine.username, password: mine.password };
  await ssh(
    login,
    "dd if=/dev/zero of=/tmp/fill bs=64k 2>/dev/null; dd if=/dev/zero of=/tmp/fill2 bs=1 2>/dev/null; n=0; while touch /tmp/f$n 2>/dev/null && [ $n -lt 50 ]; do n=$((n+1)); done; (trap '' TERM; while :; do cat /dev/zero >>/tmp/fill3; sleep 0.05; done) >/dev/null 2>&1 </dev/null &",
  );
  const status = await ledger.release(pool.api, mine);
  if (status !== 200)
    bad.push(`I6 the release was answered ${status}: ${(await stateOf(machine)).last_error}`);
  bad.push(...(await settle(pool)), ...(await check(pool, { ledger })));
  await machine.exec("pkill -KILL -u filler; rm -f /tmp/fill*");
  await end(ledger, bad);
  injected("5 a user fills the disk", 1, bad);
  expect(bad).toEqual([]);
});

test("files made immutable: quarantined, retried with backoff, never offered", async () => {
  const ledger = new Ledger();
  const bad: string[] = [];
  const mine = await ledger.reserve(pool.api, "immut", 1);
  const machine = pool.machines.find((one) => one.name === mine.machines[0]) as TestMachine;
  await does(machine, "touch /var/tmp/stays; chown immut /var/tmp/stays; chattr +i /var/tmp/stays");
  const status = await ledger.release(pool.api, mine);
  if (status !== 202) bad.push(`the release was answered ${status}`);
  // Not forced: the backoff decides when it is retried.
  const first = await stateOf(machine);
  let row = first;
  await until("it was retried automatically", 60_000, async () => {
    row = await stateOf(machine);
    if (row.state === "available") bad.push("I2 it is offered with a file of its last holder");
    return bad.length > 0 || row.retries > first.retries;
  }).catch((error) => bad.push(`I5 ${error.message}`));
  if (row.state !== "quarantined" || row.fault !== "leftovers")
    bad.push(`I5 it is ${row.state}, ${row.fault}`);
  // The pause between two tries is a second at least, then more (tests/pool/lifecycle/settle.test.ts).
  const tries = row.retries - first.retries;
  if (!(row.retry_at - first.retry_at >= 1000 * tries)) bad.push(`I5 it is tried in a loop: ${tries} times`);
  await does(machine, "chattr -i /var/tmp/stays");
  await end(ledger, bad);
  injected("5 immutable files", 1, [...new Set(bad)], row.last_error);
  expect([...new Set(bad)]).toEqual([]);
});

test("a foreign account of that name exists", async () => {
  const ledger = new Ledger();
  const bad: string[] = [];
  for (const machine of pool.machines)
    await does(machine, "useradd -m -u 1500 people; echo theirs >/home/people/f");
  const asked = await ledger.reserve(pool.api, "people", 2);
  if (asked.status !== 409) bad.push(`it was answered ${asked.status}`);
  bad.push(...(await settle(pool)));
  for (const machine of pool.machines) {
    const { stdout } = await machine.exec("cat /home/people/f; id -u people; userdel -r people 2>/dev/null");
    if (stdout !== "theirs\n1500\n") bad.push(`I6 ${machine.name}: the people's own account is ${stdout}`);
  }
  await end(ledger, bad);
  injected("5 a foreign account", 3, bad);
  expect(bad).toEqual([]);
});

test("a stale lock on /etc/passwd does no harm", async () => {
  const ledger = new Ledger();
  const bad: string[] = [];
  for (const machine of pool.machines)
    await does(
      machine,
      "for f in passwd shadow group gshadow subuid subgid; do printf '999999\\0' >/etc/$f.lock; done",
    );
  const asked = await ledger.reserve(pool.api, "stale", 3);
  if (asked.outcome !== "granted") bad.push(`I5 it was answered ${asked.status}`);
  bad.push(...(await check(pool, { ledger })));
  await end(ledger, bad);
  injected("5 a stale /etc/passwd.lock", 3, bad);
  expect(bad).toEqual([]);
});

test("powered off while it is held, and while it is prepared", async () => {
  const ledger = new Ledger();
  const bad: string[] = [];
  const mine = await ledger.reserve(pool.api, "poweroff", 1);
  const machine = pool.machines.find((one) => one.name === mine.machines[0]) as TestMachine;
  await machine.stop();
  if ((await ledger.release(pool.api, mine)) !== 202) bad.push("a machine that is off was called clean");
  bad.push(...(await settle(pool, false)));
  bad.push(...(await check(pool, { ledger, unreachable: [machine.name] })));
  // The others serve; it comes back automatically.
  const other = await ledger.reserve(pool.api, "powertwo", 2);
  if (other.outcome !== "granted") bad.push(`I5 the others: ${other.status}`);
  await machine.restart();
  await end(ledger, bad);
  const [two] = pool.machines;
  const asking = ledger.reserve(pool.api, "powermid", 3);
  await two?.stop();
  const mid = await asking;
  await two?.restart();
  if (mid.outcome === "granted") await ledger.release(pool.api, mid);
  await end(ledger, bad);
  injected("5 powered off", 2, bad);
  expect(bad).toEqual([]);
});

// sshd does not start under faketime: the steps on the machine see the wrong time, its login does not.
test("a machine's own clock is ahead, by hours and by a year", async () => {
  const lib = (await Bun.$`find /usr/lib -name libfaketime.so.1`.text()).trim();
  expect(lib).not.toBe("");
  const bad: string[] = [];
  for (const off of ["+5h", "+400d"]) {
    const ledger = new Ledger();
    for (const machine of pool.machines)
      await does(
        machine,
        `mv /usr/bin/timeout /usr/bin/timeout.real
         printf '#!/bin/sh\nexport LD_PRELOAD=${lib} FAKETIME=${off} FAKETIME_DONT_FAKE_MONOTONIC=1\nexec /usr/bin/timeout.real "$@"\n' >/usr/bin/timeout
         chmod 755 /usr/bin/timeout`,
      );
    const mine = await ledger.reserve(pool.api, `clock${++count}`, 3, { duration: 1 });
    if (mine.outcome !== "granted") bad.push(`I5 clock ${off}: ${mine.status}`);
    bad.push(...(await check(pool, { ledger })));
    mine.ended = true;
    await pool.sql("UPDATE reservations SET ends_at = UTC_TIMESTAMP(3) WHERE id = ?", [mine.id]);
    bad.push(...(await settle(pool)), ...(await check(pool, { ledger })));
    for (const machine of pool.machines) await does(machine, "mv /usr/bin/timeout.real /usr/bin/timeout");
    injected("5 a machine's clock is off", 3, bad);
  }
  expect(bad).toEqual([]);
  expect((await call(pool.api, "GET", "/available")).body.available).toHaveLength(3);
});
