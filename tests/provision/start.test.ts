// A `just run` that can't start, and an interrupted `just provision`: nothing is left half made, and the message is short. In a
// copy of this working tree, on other ports.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Copy } from "../native/copy.ts";
import { run } from "../support/run.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(60_000);
const asRoot = process.getuid?.() === 0;

describe.skipIf(!asRoot)("just run", () => {
  let copy: Copy;
  beforeAll(async () => {
    copy = await Copy.make({ MACHINE_COUNT: "3" });
  });
  afterAll(() => copy?.remove());
  const there = (path: string) => existsSync(join(copy.folder, path));

  test("a taken port is reported, with its process and the setting, before any machine is made", async () => {
    const { https, http, api, machines } = copy.ports;
    for (const [name, port] of Object.entries({
      HTTPS_PORT: https,
      HTTP_PORT: http,
      PORT: api,
      MACHINE_BASE_PORT: machines + 1, // the second machine's
    })) {
      const other = Bun.listen({ hostname: "127.0.0.1", port, socket: { data() {} } });
      const refused = await copy.just("run");
      other.stop(true);
      expect(refused.code, name).toBe(1);
      expect(refused.stderr).toContain(
        `port ${port} is taken by bun (process ${process.pid}); stop it, or use`,
      );
      expect(refused.stderr).toMatch(new RegExp(`: ${name}=\\d+ just run\n$`));
      expect(refused.stdout).not.toContain("making demo machines");
    }
    for (const path of [".local/machines", ".local/run", "provision/machines.txt"])
      expect(there(path)).toBe(false);
  });

  test("invalid settings are refused before any machine is made", async () => {
    for (const [name, value, says] of [
      ["HTTPS_PORT", "99999", "HTTPS_PORT=99999: must be a port, 1 to 65535"],
      ["MACHINE_COUNT", "many", "MACHINE_COUNT=many: must be a number from 0 to 999"],
      ["EXPIRE_EVERY", "0", "EXPIRE_EVERY must be a whole number from 1 to 59"],
      ["ADMIN_TOKEN", "short", "ADMIN_TOKEN must be 16 to 256 printable characters without spaces"],
      ["ADMIN_TOKEN_FILE", "/dev/null", "ADMIN_TOKEN_FILE: /dev/null is empty"],
      ["MODE", "podman", "MODE=podman: must be docker or native"],
    ] as const) {
      const refused = await run(["just", "run"], { ...copy.env, [name]: value }, copy.folder);
      expect(refused.code).toBe(1);
      expect(refused.stderr).toContain(says);
    }
    expect(there(".local/machines")).toBe(false);
  });

  /** Sends Ctrl-C while Ansible runs: like a terminal, to the whole foreground group, which `just` leads here. */
  async function interrupt(env: Record<string, string>, atWork: string) {
    const child = Bun.spawn(["just", "provision"], {
      cwd: copy.folder,
      env: { ...process.env, ...copy.env, ...env },
      stdout: "pipe",
      stderr: "pipe",
      detached: true,
    });
    let said = "";
    const read = async (stream: ReadableStream<Uint8Array>) => {
      for await (const chunk of stream) said += new TextDecoder().decode(chunk);
    };
    const all = Promise.all([read(child.stdout), read(child.stderr)]);
    await until("Ansible is at work", 30_000, () => said.includes(atWork));
    process.kill(-child.pid, "SIGINT");
    const code = await child.exited;
    await all;
    return { code, said };
  }

  test("Ctrl-C ends it and all that it started, with 130 and no traceback", async () => {
    const { code, said } = await interrupt({}, "TASK [");
    expect(code).toBe(130);
    expect(said).not.toMatch(/Traceback|KeyboardInterrupt|error: Recipe/);
    await until("Ansible has ended", 10_000, () => copy.pidsOf("ansible-playbook").length === 0);
  });

  test("Ctrl-C never reaches a child that would answer it with a traceback, and the child is not left behind", async () => {
    const bin = join(copy.folder, ".local/bin");
    mkdirSync(bin, { recursive: true });
    const like =
      "#!/bin/sh\ntrap 'echo Traceback' INT\n(trap '' INT; sleep 1000) &\necho at work\nwait; wait\n";
    writeFileSync(join(bin, "ansible-playbook"), like, { mode: 0o755 });
    const { code, said } = await interrupt({ PATH: `${bin}:${process.env.PATH}` }, "at work");
    rmSync(bin, { recursive: true });
    expect({ code, said }).toEqual({ code: 130, said: "mode: native (MODE=native was set)\nat work\n" });
    await until("it has ended", 10_000, () => copy.pidsOf("sleep 1000").length === 0);
  });
});
