import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, readFileSync, statSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../support/machines.ts";
import { until } from "../support/until.ts";

const root = join(import.meta.dir, "../..");
const engine = Bun.which("docker") !== null && Bun.spawnSync(["docker", "version"]).exitCode === 0;
const image = engine && Bun.spawnSync(["docker", "image", "inspect", "alpine:3.22"]).exitCode === 0;
// A separate name: the machines of a stack that runs here are not ours to touch.
const prefix = `mmtest${process.pid}-`;
let folder: string;
let file: string;
let basePort: number;

function play(book: string, mode: string, more: Record<string, string | number> = {}) {
  const settings = {
    mode,
    prefix,
    container_prefix: prefix,
    machines_file: file,
    state_dir: join(folder, "machines"),
    ...(book === "provision" ? { base_port: basePort } : {}),
    ...more,
  };
  const ran = Bun.spawnSync(
    [
      "ansible-playbook",
      `provision/${book}.yml`,
      ...Object.entries(settings).flatMap(([k, v]) => ["-e", `${k}=${v}`]),
    ],
    {
      cwd: root,
      env: {
        ...process.env,
        LC_ALL: "C.UTF-8",
        ANSIBLE_HOME: join(folder, "ansible"),
        ANSIBLE_CONFIG: join(root, "provision/ansible.cfg"),
      },
      stderr: "pipe",
    },
  );
  const text = ran.stdout.toString() + ran.stderr.toString();
  return { code: ran.exitCode, text, changed: Number(/changed=(\d+)/.exec(text)?.[1] ?? -1) };
}

/** The greeting on a port; empty if nothing listens. */
function greeting(port: number, host = "127.0.0.1"): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ port, host, timeout: 5000 });
    socket.once("data", (data) => {
      socket.destroy();
      resolve(data.toString());
    });
    for (const end of ["error", "timeout", "close"]) socket.once(end, () => resolve(""));
  });
}

const greets = (port: number) =>
  until(`an sshd on port ${port}`, 10_000, async () => (await greeting(port)).startsWith("SSH-2.0"));

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "mm-playbook-"));
  file = join(folder, "machines.txt");
  do basePort = await freePort();
  while ((await greeting(basePort + 1)) !== "");
});
afterAll(async () => {
  play("unprovision", image ? "both" : "native");
  await rm(folder, { recursive: true });
}, 120_000);

async function provisionAndBack(mode: string) {
  const first = play("provision", mode, { count: 2 });
  expect(first).toMatchObject({ code: 0, text: expect.not.stringContaining("[WARNING]") });
  expect(first.changed).toBeGreaterThan(0);
  expect(readFileSync(file, "utf8").split("\n").slice(1)).toEqual([
    `${prefix}1 localhost ${basePort} root test`,
    `${prefix}2 localhost ${basePort + 1} root test`,
    "",
  ]);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  await Promise.all([greets(basePort), greets(basePort + 1)]);

  expect(play("provision", mode, { count: 2 })).toMatchObject({ code: 0, changed: 0 });

  expect(play("provision", mode, { count: 1 }).code).toBe(0);
  expect(await greeting(basePort + 1)).toBe("");
  await greets(basePort);

  const away = play("unprovision", mode);
  expect(away).toMatchObject({ code: 0, text: expect.not.stringContaining("[WARNING]") });
  expect(await greeting(basePort)).toBe("");
  expect(existsSync(file) || existsSync(join(folder, "machines"))).toBe(false);
  expect(play("unprovision", mode)).toMatchObject({ code: 0, changed: 0 });
}

test("native: make, make again without a change, fewer, none", () => provisionAndBack("native"), 120_000);

test("a taken port is reported, and invalid settings are refused", async () => {
  const inTheWay = Bun.listen({ hostname: "127.0.0.1", port: basePort, socket: { data() {} } });
  try {
    const ran = play("provision", "native", { count: 1 });
    expect(ran.code).not.toBe(0);
    expect(ran.text).toContain(`port ${basePort} on 127.0.0.1 is taken`);
  } finally {
    inTheWay.stop(true);
  }
  for (const bad of [{ count: "x" }, { count: -1 }, { base_port: 70000 }])
    expect(play("provision", "native", bad).text).toContain("count 0 to 999; base_port 1 to 64000");
  expect(play("provision", "nonsense").text).toContain("mode must be");
}, 120_000);

const why = engine ? "no image alpine:3.22 here" : "no Docker engine answers";
test.skipIf(!image)(
  `docker: the same with containers${image ? "" : ` (skipped: ${why})`}`,
  async () => {
    await provisionAndBack("docker");
    const made = Bun.spawnSync(["docker", "create", "--name", `${prefix}1`, "alpine:3.22"]);
    expect(made.exitCode).toBe(0);
    try {
      expect(play("provision", "docker", { count: 1 }).text).toContain(`left alone: ${prefix}1`);
      expect(play("unprovision", "docker").changed).toBe(0);
    } finally {
      Bun.spawnSync(["docker", "rm", `${prefix}1`]);
    }
  },
  300_000,
);

test.skipIf(!image)(
  "docker: never published on every address, yet reachable from a container",
  async () => {
    expect(play("provision", "docker", { count: 1 }).code).toBe(0);
    const ports = Bun.spawnSync(["docker", "port", `${prefix}1`]).stdout.toString();
    expect(ports).toContain(`127.0.0.1:${basePort}\n`);
    expect(ports).not.toMatch(/0\.0\.0\.0|\[::\]/);
    const inside = Bun.spawnSync([
      ...["docker", "run", "--rm", "--add-host=host.docker.internal:host-gateway", "alpine:3.22"],
      ...["sh", "-c", `timeout 5 nc host.docker.internal ${basePort} </dev/null | head -n 1`],
    ]);
    expect(inside.stdout.toString()).toStartWith("SSH-2.0");
  },
  300_000,
);
