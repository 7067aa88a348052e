// A copy of this working tree with a separate stack: other containers, ports, volumes and machines than `just run`'s.
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT, run as runSeparately } from "../support/run.ts";

const IMAGES = ["mariadb:11", "oven/bun:1.4", "nginx:1.28-alpine", "alpine:3.22"];

export interface Ran {
  code: number;
  /** Standard output and error. */
  output: string;
}

/** Runs a command and captures its output. */
export async function run(command: string[], cwd = ROOT, env: Record<string, string> = {}): Promise<Ran> {
  const { code, stdout, stderr } = await runSeparately(command, env, cwd);
  return { code, output: stdout + stderr };
}

/** Why the Docker tests can't run here; empty if they can. */
export async function whyNot(): Promise<string> {
  if (!Bun.which("docker")) return "there is no docker command";
  if ((await run(["docker", "info"])).code !== 0) return "no Docker engine answers";
  if ((await run(["docker", "compose", "version"])).code !== 0) return "Docker has no Compose plugin";
  for (const tool of ["just", "git", "curl"]) if (!Bun.which(tool)) return `there is no ${tool} command`;
  for (const image of IMAGES) {
    if ((await run(["docker", "image", "inspect", image])).code === 0) continue;
    if ((await run(["timeout", "300", "docker", "pull", "--quiet", image])).code !== 0)
      return `the image ${image} is not here and can't be pulled`;
  }
  return "";
}

/** The first of `count` consecutive free ports. */
async function freePorts(count: number): Promise<number> {
  const free = (port: number) =>
    new Promise<boolean>((resolve) => {
      const probe = createServer().once("error", () => resolve(false));
      probe.listen(port, () => probe.close(() => resolve(true)));
    });
  for (let attempt = 0; attempt < 200; attempt++) {
    const first = 22000 + Math.floor(Math.random() * 7000);
    const all = await Promise.all(Array.from({ length: count }, (_, n) => free(first + n)));
    if (all.every(Boolean)) return first;
  }
  throw new Error("no free ports between 22000 and 29000");
}

/** The checkout, its recipes, and the API behind its nginx. */
export class Checkout {
  readonly folder: string;
  readonly project: string;
  readonly httpsPort: number;
  readonly machinePort: number;
  readonly env: Record<string, string>;

  private constructor(folder: string, httpsPort: number) {
    this.folder = folder;
    this.httpsPort = httpsPort;
    this.machinePort = httpsPort + 1;
    this.project = `machine-manager-test-${httpsPort}`;
    this.env = {
      MODE: "docker",
      COMPOSE_PROJECT_NAME: this.project,
      HTTPS_PORT: String(httpsPort),
      MACHINE_BASE_PORT: String(this.machinePort),
      MACHINE_COUNT: "3",
      // A developer's settings for another stack must not leak into this one.
      ...Object.fromEntries(
        [
          ...["DATABASE_PASSWORD", "DATABASE_OWNER_PASSWORD", "SECRET_KEY", "ADMIN_TOKEN"],
          ...["DATABASE_URL", "DATABASE_OWNER_URL", "PUBLISH_ADDRESS"],
        ].map((name) => [name, ""]),
      ),
    };
  }

  /** Copies the working tree, including uncommitted changes. */
  static async make(): Promise<Checkout> {
    const folder = await mkdtemp(join(tmpdir(), "machine-manager-docker-"));
    await chmod(folder, 0o755); // run-dev mounts it for another OS user
    const copied = await run([
      "bash",
      "-c",
      'git ls-files -z --cached --others --exclude-standard | xargs -0 ls -d 2>/dev/null | xargs -d "\\n" cp --parents -t "$0"',
      folder,
    ]);
    if (copied.code !== 0) throw new Error(copied.output);
    return new Checkout(folder, await freePorts(4));
  }

  /** Runs a recipe or script here. @throws with all of its output if it fails */
  async do(...command: string[]): Promise<string> {
    const { code, output } = await run(command, this.folder, this.env);
    if (code !== 0) throw new Error(`${command.join(" ")}: exit ${code}\n${output}`);
    return output;
  }

  /** The stack's own commands. @throws with all of its output if one fails */
  stack(...words: string[]): Promise<string> {
    return this.do("provision/bun.sh", "provision/stack.ts", "docker", ...words);
  }

  status(): Promise<Ran> {
    return run(["just", "status"], this.folder, this.env);
  }

  /** curl, as a user types it: its JSON answer and status. */
  async curl(path: string, ...options: string[]): Promise<{ status: number; body: Record<string, unknown> }> {
    const url = `https://localhost:${this.httpsPort}${path}`;
    const { output } = await run([
      "curl",
      "-sk",
      "--max-time",
      "60",
      "-w",
      "\n%{http_code}",
      ...options,
      url,
    ]);
    const cut = output.lastIndexOf("\n");
    const text = output.slice(0, cut);
    return {
      status: Number(output.slice(cut + 1)),
      body: text.startsWith("{") ? JSON.parse(text) : { text },
    };
  }

  /** Names of this project's containers, networks, volumes and images. */
  async left(): Promise<string> {
    const lists = [
      ["ps", "--all", "--format", "{{.Names}}"],
      ["network", "ls", "--format", "{{.Name}}"],
      ["volume", "ls", "--format", "{{.Name}}"],
      ["images", "--all", "--format", "{{.Repository}}:{{.Tag}}"],
    ];
    const found = await Promise.all(lists.map((list) => run(["docker", ...list])));
    return found
      .flatMap(({ output }) => output.split("\n"))
      .filter((name) => name.includes(this.project))
      .join(" ");
  }

  /** Runs a command in a demo machine's container, as its root. */
  async inMachine(name: string, command: string): Promise<string> {
    return (await run(["docker", "exec", `${this.project}-${name}`, "sh", "-c", command])).output;
  }

  /** Every file here, except those in node_modules. */
  async files(): Promise<string> {
    return (
      await run(["find", ".", "-name", "node_modules", "-prune", "-o", "-type", "f", "-print"], this.folder)
    ).output
      .split("\n")
      .sort()
      .join("\n");
  }

  async remove(): Promise<void> {
    await run(["just", "clean"], this.folder, this.env);
    await rm(this.folder, { recursive: true, force: true });
  }
}
