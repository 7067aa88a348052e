// A key for root's login on test machines: the ssh client doesn't accept a password from a program.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestMachine } from "../support/machines.ts";

/** Makes a key and authorises it on every machine. */
export async function loginKey(machines: TestMachine[]): Promise<{ file: string; remove(): void }> {
  const folder = mkdtempSync(join(tmpdir(), "mm-bench-"));
  const file = join(folder, "key");
  const made = Bun.spawnSync(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", file]);
  if (!made.success) throw new Error(made.stderr.toString());
  const line = readFileSync(`${file}.pub`, "utf8");
  for (const { exec } of machines)
    await exec("mkdir -p -m 700 /root/.ssh && cat >/root/.ssh/authorized_keys", line);
  return { file, remove: () => rmSync(folder, { recursive: true, force: true }) };
}
