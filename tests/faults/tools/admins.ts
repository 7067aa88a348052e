// Admins who remove machines by force, register them again, drain and change them, at random, while others reserve.
import { readFileSync } from "node:fs";
import type { TestMachine } from "../../support/machines.ts";
import type { TestPool } from "../../support/pool.ts";
import { call } from "../../support/program.ts";
import { until } from "../../support/until.ts";

/** How long an account may take to appear if its machine was claimed while it was being removed. */
const LATE_MS = 1500;

export interface Admins {
  /** Ends, with all machines registered and none drained. @returns what is broken */
  stop(): Promise<string[]>;
  /** how many machines were removed as clean, how many not, and how many changes were sent */
  did(): { clean: number; dirty: number; changes: number };
}

const accountsOn = ({ root }: TestMachine) =>
  readFileSync(`${root}/etc/passwd`, "utf8")
    .split("\n")
    .map((line) => line.split(":"))
    .filter(([, , uid]) => Number(uid) >= 20_000 && Number(uid) <= 59_999)
    .map(([name]) => name);

/**
 * @param next the server of the next request
 * @param many how many remove machines, each its own ones; one more changes them all
 */
export function startAdmins(
  pool: TestPool,
  next: () => { url: string },
  many: number,
  random: () => number,
): Admins {
  const bad: string[] = [];
  const did = { clean: 0, dirty: 0, changes: 0 };
  let going = true;
  /** No answer is expected too: servers are killed. */
  const ask = (method: string, path: string, body?: unknown) =>
    call(next(), method, path, body).catch(() => ({ status: 0, body: { code: "" } }));
  const one = <T>(of: T[]) => of[Math.floor(random() * of.length)] as T;
  const rowOf = async ({ name }: TestMachine) =>
    (await pool.sql("SELECT state FROM machines WHERE name = ?", [name]))[0];

  const registered = (machine: TestMachine) =>
    until(`${machine.name} is registered again`, 60_000, async () => {
      const { name, host, port, user, password } = machine;
      const { status, body } = await ask("POST", "/machines", { name, host, port, user, password });
      if (status === 201 || body.code === "machine_exists") return true;
      if (status !== 0 && status < 500) throw new Error(`can't register ${name}: ${JSON.stringify(body)}`);
      return false;
    });
  /** Whether or not anybody answered: the row and the events show the result. */
  const remove = async (machine: TestMachine) => {
    await ask("DELETE", `/machines/${machine.name}?force=true`);
    await until(`${machine.name} is removed, or not`, 90_000, async () => {
      return (await rowOf(machine))?.state !== "removing";
    });
    if (await rowOf(machine)) return;
    const [event] = await pool.sql(
      "SELECT details FROM events WHERE action = 'machine.removed' AND object = ? ORDER BY id DESC LIMIT 1",
      [machine.name],
    );
    const { clean = true } = typeof event.details === "string" ? JSON.parse(event.details) : event.details;
    did[clean ? "clean" : "dirty"]++;
    const deadline = performance.now() + LATE_MS;
    while (clean && performance.now() < deadline) {
      const left = accountsOn(machine);
      if (left.length > 0) {
        bad.push(`I2 ${machine.name} was removed as clean and has the account ${left.join(", ")}`);
        break;
      }
      await Bun.sleep(50);
    }
    await registered(machine);
  };
  const remover = async (mine: TestMachine[]) => {
    while (going) {
      await Bun.sleep(300 * random());
      await remove(one(mine));
    }
  };
  const changer = async () => {
    while (going) {
      const labels = { turn: `${++did.changes}` };
      const change = random() < 0.8 ? { drained: random() < 0.2 } : { labels };
      await ask("PATCH", `/machines/${one(pool.machines).name}`, change);
      await Bun.sleep(30 * random());
    }
  };
  const removers = Array.from({ length: many }, (_, n) =>
    remover(pool.machines.filter((_, index) => index % many === n)),
  );
  const all = Promise.all([...removers, changer()]);
  return {
    did: () => did,
    async stop() {
      going = false;
      await all;
      for (const machine of pool.machines) await registered(machine);
      await pool.sql("UPDATE machines SET drained = 0");
      return bad;
    },
  };
}
