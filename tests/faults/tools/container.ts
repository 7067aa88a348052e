// A BusyBox machine in a container, for the suite: the demo machine's own image, if a Docker engine has what it needs.
import { join } from "node:path";
import { freePort } from "../../support/machines.ts";
import { run } from "../../support/run.ts";
import { until } from "../../support/until.ts";
import type { Lookable } from "./look.ts";

export interface Container extends Lookable {
  host: string;
  user: string;
  password: string;
  stop(): Promise<void>;
}

const docker = (...words: string[]) => run(["docker", ...words]);

/** Whether an engine answers and has the image that the demo machine is based on; else these tests are skipped. */
export const engine = (() => {
  try {
    return (
      Bun.spawnSync(["docker", "image", "inspect", "alpine:3.22"], { stdout: "ignore", stderr: "ignore" })
        .exitCode === 0
    );
  } catch {
    return false;
  }
})();

export async function startContainer(name: string): Promise<Container> {
  const folder = join(import.meta.dir, "../../../provision/machines");
  const built = await docker("build", "-q", "-t", "machine-manager/demo-machine", folder);
  if (built.code !== 0) throw new Error(built.stderr);
  const port = await freePort();
  const unique = `mm-faults-${process.pid}-${name}`;
  const started = await docker(
    "run",
    "-d",
    "--name",
    unique,
    "-p",
    `127.0.0.1:${port}:22`,
    built.stdout.trim(),
  );
  if (started.code !== 0) throw new Error(started.stderr);
  // On Alpine every tool is BusyBox's. Other systems' tools in the image are moved out of the way (no image has these applets
  // as separate files, so on a real Alpine this changes nothing).
  const applets = await docker(
    "exec",
    unique,
    "sh",
    "-c",
    'for a in $(busybox --list); do for d in /usr/bin /usr/sbin; do [ "$a" = busybox ] || [ ! -e $d/$a ] || ln -sf /usr/bin/busybox $d/$a; done; done',
  );
  if (applets.code !== 0) throw new Error(applets.stderr);
  const pid = (await docker("inspect", "-f", "{{.State.Pid}}", unique)).stdout.trim();
  const stop = async () => {
    await docker("rm", "-f", unique);
  };
  process.once("exit", () =>
    Bun.spawnSync(["docker", "rm", "-f", unique], { stdout: "ignore", stderr: "ignore" }),
  );
  await until("its sshd answers", 20_000, async () =>
    fetch(`http://127.0.0.1:${port}`).then(
      () => true,
      (error) => !/refused|ConnectionRefused/i.test(`${error.code} ${error.message}`),
    ),
  );
  return {
    name,
    host: "127.0.0.1",
    port,
    user: "root",
    password: "test",
    root: `/proc/${pid}/root`,
    exec: (command) => docker("exec", unique, "sh", "-c", command),
    stop,
  };
}
