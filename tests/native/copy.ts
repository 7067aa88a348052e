// A copy of this working tree with a separate native stack: other ports and state than `just run`'s.
import { readdirSync, readFileSync, readlinkSync, rmSync, statSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { freePort } from "../support/machines.ts";
import { run } from "../support/run.ts";

export interface Ports {
  https: number;
  http: number;
  api: number;
  machines: number;
}

/** The checkout, its recipes, and the API behind its nginx. */
export class Copy {
  readonly folder: string;
  readonly ports: Ports;
  readonly env: Record<string, string>;

  private constructor(folder: string, ports: Ports, more: Record<string, string>) {
    this.folder = folder;
    this.ports = ports;
    this.env = {
      MODE: "native",
      HTTPS_PORT: String(ports.https),
      HTTP_PORT: String(ports.http),
      PORT: String(ports.api),
      MACHINE_BASE_PORT: String(ports.machines),
      EXPIRE_EVERY: "1",
      // A developer's settings for another stack must not leak into this one.
      ...Object.fromEntries(
        [
          ...["DATABASE_URL", "DATABASE_PASSWORD", "DATABASE_OWNER_URL", "DATABASE_OWNER_PASSWORD"],
          ...["SECRET_KEY", "ADMIN_TOKEN", "PUBLISH_ADDRESS", "HOST"],
        ].map((name) => [name, ""]),
      ),
      ...more,
    };
  }

  /** Copies the working tree, including uncommitted changes, as it is after a clone with umask 077. */
  static async make(more: Record<string, string>): Promise<Copy> {
    // Where root's checkouts are: a place that no other OS user can enter.
    const folder = await mkdtemp("/root/machine-manager-test-");
    const [https, http, api, machines] = [
      await freePort(),
      await freePort(),
      await freePort(),
      await freePort(),
    ];
    const without = [".git", "node_modules", ".local", ".env", "provision/machines.txt", "web/dist"];
    const exclude = without.map((path) => `--exclude=./${path}`).join(" ");
    const copy = `umask 077; tar ${exclude} -cf - . | tar --no-same-permissions -xf - -C "$1"`;
    const copied = await run(["bash", "-o", "pipefail", "-c", copy, "-", folder]);
    if (copied.code !== 0) throw new Error(copied.stderr);
    return new Copy(folder, { https, http, api, machines }, more);
  }

  just(...recipe: string[]) {
    return run(["bash", "-c", 'umask 077; exec just "$@"', "-", ...recipe], this.env, this.folder);
  }

  async get(path: string, init: RequestInit = {}) {
    const answer = await fetch(`https://localhost:${this.ports.https}${path}`, {
      tls: { rejectUnauthorized: false },
      ...init,
    });
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
  }

  /** Every file of the copy, except installed packages. */
  files(): string[] {
    return readdirSync(this.folder, { recursive: true, encoding: "utf8" })
      .filter((path) => !path.startsWith("node_modules"))
      .sort();
  }

  /** Every process that runs in the copy: its command line, by pid. */
  processes(): Map<number, string> {
    const found = new Map<number, string>();
    for (const name of readdirSync("/proc")) {
      if (!/^\d+$/.test(name)) continue;
      try {
        const words = readFileSync(`/proc/${name}/cmdline`, "utf8").replaceAll("\0", " ");
        const at = readlinkSync(`/proc/${name}/cwd`);
        if (words.includes(this.folder) || at.startsWith(this.folder) || this.sees(name))
          found.set(Number(name), words);
      } catch {
        // It has ended in the meantime.
      }
    }
    return found;
  }

  /** Whether a process sees our .local at /mnt, even after it was deleted: it is in the services' mount namespace. */
  private sees(pid: string): boolean {
    if (readFileSync(`/proc/${pid}/mountinfo`, "utf8").match(`${this.folder}/.local(//deleted)? /mnt `))
      return true;
    const ours = statSync(join(this.folder, ".local"), { throwIfNoEntry: false });
    const theirs = statSync(`/proc/${pid}/root/mnt`, { throwIfNoEntry: false });
    return ours !== undefined && ours.ino === theirs?.ino && ours.dev === theirs.dev;
  }

  /** The processes of a service that its supervisor has started; only those of this copy. */
  pidsOf(what: string): number[] {
    return [...this.processes()].filter(([, words]) => words.includes(what)).map(([pid]) => pid);
  }

  dotEnv(name: string): string {
    const text = readFileSync(join(this.folder, ".env"), "utf8");
    return new RegExp(`^${name}=(.+)$`, "m").exec(text)?.[1] ?? "";
  }

  /** What the services wrote into their logs. */
  log(service: string): string {
    return readFileSync(join(this.folder, `.local/log/${service}/current`), "utf8");
  }

  async remove(): Promise<void> {
    await this.just("clean");
    rmSync(this.folder, { recursive: true, force: true });
  }
}
