// Real machines for tests: each an sshd in private namespaces (provision/machines/machine.sh). Needs root.
import { mkdtemp } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ended } from "./run.ts";

const script = join(import.meta.dir, "../../provision/machines/machine.sh");

export interface Ran {
  code: number;
  stdout: string;
  stderr: string;
}

export interface TestMachine {
  name: string;
  host: string;
  port: number;
  user: string;
  password: string;
  /** The host's pid of its first process. SIGSTOP to it makes a machine that accepts TCP and says nothing. */
  pid: number;
  /** Its file system, on the host. */
  root: string;
  /** Runs a shell command in it, as root with all capabilities. */
  exec(command: string, stdin?: string): Promise<Ran>;
  /** Stops it; `restart` brings it back empty, on the same port and with the same host keys. */
  stop(): Promise<void>;
  restart(): Promise<void>;
}

export interface MachineOptions {
  prefix?: string;
  ports?: number[];
  password?: string;
  /** Default true: the machine's root may mount, and remove other people's IPC, as on real hardware. */
  privileged?: boolean;
}

let folder: Promise<string> | undefined;
const machines = new Set<TestMachine>();
const promised = new Set<number>();

/** A free port on 127.0.0.1 that was not returned before. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 1000; attempt++) {
    const port = 22000 + Math.floor(Math.random() * 8000);
    if (promised.has(port)) continue;
    const free = await new Promise<boolean>((resolve) => {
      const probe = createServer();
      probe.once("error", () => resolve(false));
      probe.listen(port, () => probe.close(() => resolve(true)));
    });
    if (!free) continue;
    promised.add(port);
    return port;
  }
  throw new Error("no free port between 22000 and 29999");
}

export async function startMachines(count: number, options: MachineOptions = {}): Promise<TestMachine[]> {
  const base = await baseFolder();
  const prefix = options.prefix ?? "m-";
  const made: TestMachine[] = [];
  let next = 0;
  const worker = async () => {
    for (let i = next++; i < count; i = next++) {
      made[i] = await startOne(base, `${prefix}${i + 1}`, options, options.ports?.[i]);
    }
  };
  const done = await Promise.allSettled([worker(), worker(), worker(), worker()]);
  const failed = done.find((one) => one.status === "rejected");
  if (failed) {
    await Promise.all(made.filter(Boolean).map((one) => one.stop()));
    throw failed.reason;
  }
  return made;
}

/** Stops every machine of this process, and waits until they are gone. */
export async function stopAllMachines(): Promise<void> {
  if (!folder) return;
  await run([script, "stop-all", "--dir", await folder], undefined, true);
  machines.clear();
}

// The guard's standard input is a pipe that only we hold: however this process ends, the guard stops the machines.
function baseFolder(): Promise<string> {
  folder ??= mkdtemp(join(tmpdir(), "mm-machines-")).then((base) => {
    const guard = Bun.spawn(["setsid", script, "guard", "--dir", base], {
      stdin: "pipe",
      stdout: "ignore",
      stderr: "ignore",
    });
    guard.unref();
    held.push(guard);
    return base;
  });
  return folder;
}
const held: unknown[] = []; // if the guard were garbage-collected, its pipe would close

async function startOne(
  base: string,
  name: string,
  options: MachineOptions,
  wanted?: number,
): Promise<TestMachine> {
  const password = options.password ?? crypto.randomUUID();
  const flags = [
    "--dir",
    base,
    "--password-stdin",
    ...(options.privileged === false ? [] : ["--privileged"]),
  ];
  if ([...machines].some((one) => one.name === name)) throw new Error(`${name} runs; give another prefix`);
  const start = async (port: number) => {
    const ran = await run([script, "start", name, String(port), ...flags], `${password}\n`);
    const pid = /\(pid (\d+)\)/.exec(ran.stdout)?.[1];
    if (ran.code === 0 && pid) return Number(pid);
    if (wanted === undefined && ran.stderr.includes("is taken")) return undefined;
    throw new Error(`machine ${name}: ${ran.stderr}${ran.stdout}`);
  };
  for (let attempt = 0; attempt < 5; attempt++) {
    const port = wanted ?? (await freePort());
    const pid = await start(port);
    if (pid === undefined) continue;
    const machine: TestMachine = {
      name,
      host: "127.0.0.1",
      port,
      user: "root",
      password,
      pid,
      root: `/proc/${pid}/root`,
      exec: (command, stdin) => enter(machine.pid, command, stdin),
      stop: async () => {
        await run([script, "stop", name, "--dir", base, "--keep-keys"], undefined, true);
        machines.delete(machine);
      },
      restart: async () => {
        await machine.stop();
        machine.pid = (await start(port)) ?? 0;
        machine.root = `/proc/${machine.pid}/root`;
        machines.add(machine);
      },
    };
    machines.add(machine);
    return machine;
  }
  throw new Error(`machine ${name}: every port tried was taken in the meantime`);
}

function enter(pid: number, command: string, stdin?: string): Promise<Ran> {
  const spaces = ["--mount", "--pid", "--uts", "--ipc", "--net", "--root", "--wd"];
  const path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  return run(
    ["nsenter", `--target=${pid}`, ...spaces, "--", "env", "-i", path, "HOME=/root", "sh", "-c", command],
    stdin,
  );
}

async function run(command: string[], stdin = "", mustWork = false): Promise<Ran> {
  const child = Bun.spawn(command, { stdin: new Blob([stdin]), stdout: "pipe", stderr: "pipe" });
  const ran = await ended(child);
  if (mustWork && ran.code !== 0) throw new Error(`${command.join(" ")}: ${ran.stderr}`);
  return ran;
}
