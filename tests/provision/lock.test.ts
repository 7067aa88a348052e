// Two `just run` in one checkout at once: the second waits for the first, but never for a dead one.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT } from "../support/run.ts";
import { until } from "../support/until.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "mm-lock-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A process that takes the lock, says so, and keeps running. */
function locker() {
  const program = `
    import { lock } from ${JSON.stringify(join(ROOT, "provision/script/lock.ts"))};
    await lock(${JSON.stringify(join(folder, "lock"))});
    console.log("mine");
    setInterval(() => Bun.gc(true), 10);`;
  const child = Bun.spawn([process.execPath, "-e", program], { stdout: "pipe" });
  let said = "";
  void (async () => {
    for await (const chunk of child.stdout) said += new TextDecoder().decode(chunk);
  })();
  return { child, has: () => said === "mine\n" };
}

test("only one at a time has it, until it ends, however it ends", async () => {
  const first = locker();
  await until("the first has it", 10_000, first.has);
  const second = locker();
  const probe = ["flock", "--nonblock", join(folder, "lock"), "true"];
  await until(
    "the second asks for it",
    10_000,
    () => Bun.spawnSync(["pgrep", "-P", `${second.child.pid}`]).exitCode === 0,
  );
  expect(second.has()).toBe(false);
  expect(Bun.spawnSync(probe).exitCode).toBe(1);
  first.child.kill("SIGKILL");
  await until("the second has it", 10_000, second.has);
  second.child.kill("SIGKILL");
  await until("nobody has it", 10_000, () => Bun.spawnSync(probe).exitCode === 0);
});
