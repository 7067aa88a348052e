// Fault 3: three APIs and two schedulers on one database, killed at random for a minute while fifty clients are at
// work, and admins remove, register, drain and change machines.
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { startPool, type TestPool } from "../support/pool.ts";
import { type Program, startProgram } from "../support/program.ts";
import { startAdmins } from "./tools/admins.ts";
import { check, expireLeases, settle, watch } from "./tools/checker.ts";
import { releaseAll, startClients } from "./tools/clients.ts";
import { Ledger } from "./tools/ledger.ts";
import { injected, more, random, SEED } from "./tools/table.ts";

setDefaultTimeout(more(400_000));

const SECONDS = more(60);
const settings = { SSH_TIMEOUT_SECONDS: "3", EXPIRE_EVERY: "1" };

let pool: TestPool;
beforeAll(async () => {
  pool = await startPool(20, { apis: 3, scheduler: true, prefix: "kill-", settings });
});
afterAll(() => pool.stop());

test(`APIs and schedulers are killed at random for ${SECONDS} s while 50 clients reserve and release`, async () => {
  const dice = random(SEED);
  const ledger = new Ledger();
  const schedulers: Program[] = [pool.scheduler as Program, await startProgram(pool.settings, "scheduler")];
  const apis = [...pool.apis];
  const watcher = watch(pool);
  const next = () => apis[Math.floor(dice() * apis.length)] as Program;
  const load = startClients(ledger, next, 50, dice, "kil", 0.4);
  const admins = startAdmins(pool, next, 3, dice);
  const started = performance.now();
  let kills = 0;
  const outcomes = (which: string) => ledger.asked.filter(({ outcome }) => outcome === which).length;
  const isEnough = () =>
    kills > SECONDS / 5 && outcomes("granted") > SECONDS / 5 && admins.did().clean > SECONDS / 10;
  const starting = new Set<Promise<unknown>>();
  const seconds = () => (performance.now() - started) / 1000;
  // A busy machine takes longer to restart what was killed, and to serve, so this runs for longer.
  while (seconds() < SECONDS || (!isEnough() && seconds() < 3 * SECONDS)) {
    await Bun.sleep(500 + dice() * 1500); // the moment is random too
    const among = dice() < 0.7 ? apis : schedulers;
    const n = Math.floor(dice() * among.length);
    const victim = among[n] as Program;
    if (victim.gone()) continue;
    // Without any API there would be no load.
    if (among === apis && apis.filter((one) => !one.gone()).length < 2) continue;
    await victim.stop("SIGKILL");
    kills++;
    // On the same port, as a supervisor would do; it is gone for half a second or more.
    const port = Number(new URL(victim.url).port);
    const again = startProgram(pool.settings, port ? "api" : "scheduler", { port }).then((one) => {
      among[n] = one;
      starting.delete(again);
    });
    starting.add(again);
    // What the dead one held would be free after 45 s.
    if (dice() < 0.9)
      await pool
        .sql(
          "UPDATE machines SET lease_until = lease_until - INTERVAL 40 SECOND WHERE lease_worker IS NOT NULL",
        )
        .catch(() => {});
  }
  await Promise.all(starting);
  await load.stop();
  const bad = await admins.stop();
  bad.push(...(await watcher.stop()));
  await expireLeases(pool);
  bad.push(...(await settle(pool)), ...(await check(pool, { ledger })));
  const [granted, unknown] = [outcomes("granted"), outcomes("unknown")];
  for (const entry of ledger.asked) entry.ended = true;
  await releaseAll(pool, apis[0] as Program);
  bad.push(...(await settle(pool)), ...(await check(pool, { ledger })));
  await Promise.all([...apis, ...schedulers].map((one) => one.stop("SIGKILL")));
  const { clean, dirty } = admins.did();
  const note = `${ledger.asked.length} requests, ${granted} granted, ${unknown} without an answer; ${clean + dirty} machines removed, ${clean} as clean; ${watcher.looks()} checks of all machines`;
  injected("3 random kills under load", kills, bad, note);
  console.log(kills, note);
  expect(bad).toEqual([]);
  expect(granted).toBeGreaterThan(SECONDS / 5);
  expect(clean).toBeGreaterThan(SECONDS / 10);
});
