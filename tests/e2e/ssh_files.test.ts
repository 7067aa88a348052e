// The files for `ssh -F`, as a user gets and uses them: with the system's own ssh, on real machines.
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startPool, type TestPool } from "../support/pool.ts";
import { call } from "../support/program.ts";

setDefaultTimeout(120_000);

let pool: TestPool;
let folder: string;
let id: string;
let machines: { machine: string; slot: string; port: number }[];
const get = async (path: string) => {
  const answer = await fetch(`${pool.api.url}/reservations/${id}/${path}`);
  expect(answer.headers.get("content-type")).toBe("text/plain; charset=utf-8");
  return answer.text();
};

beforeAll(async () => {
  pool = await startPool(3, { prefix: "sf-" });
  folder = mkdtempSync(join(tmpdir(), "mm-ssh-files-"));
  const made = Bun.spawnSync(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", join(folder, "key")]);
  expect(made.exitCode).toBe(0);
  const key = readFileSync(join(folder, "key.pub"), "utf8").trim();
  const { status, body } = await call(pool.api, "POST", "/reservations", {
    username: "ann",
    count: 3,
    ssh_public_keys: [key],
  });
  expect(status).toBe(201);
  ({ id, machines } = body);
  // Both files as curl -o would save them, beside each other.
  writeFileSync(join(folder, "known_hosts"), await get("known_hosts"));
  writeFileSync(join(folder, "ssh_config"), await get("ssh_config"));
});
afterAll(async () => {
  await pool.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** `ssh -F FILE NODE 'hostname; id -un'`, without a terminal and with only this test's key. */
async function ssh(file: string, node: string, cwd = folder) {
  const child = Bun.spawn(
    ["ssh", "-i", join(folder, "key"), "-o", "BatchMode=yes", "-F", file, node, "hostname; id -un"],
    { cwd, stdin: "ignore", stdout: "pipe", stderr: "pipe" },
  );
  const [stdout, stderr] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  return { code: await child.exited, stdout, stderr };
}

test("`ssh -F ssh_config node2` logs in to the machine of that slot, and asks nothing", async () => {
  for (const { slot, machine } of machines)
    expect(await ssh("ssh_config", slot)).toEqual({ code: 0, stdout: `${machine}\nann\n`, stderr: "" });
  expect((await ssh("ssh_config", "node4")).code).toBe(255);
});

test("it works from anywhere if the path to known_hosts is in it", async () => {
  const place = join(folder, "my files");
  mkdirSync(place);
  const path = join(place, "hosts");
  writeFileSync(path, await get("known_hosts"));
  writeFileSync(join(place, "config"), await get(`ssh_config?known_hosts=${encodeURIComponent(path)}`));
  expect((await ssh(join(place, "config"), "node1", "/")).stdout).toBe(`${machines[0]?.machine}\nann\n`);
  // A path with which the file would mean something else is refused.
  for (const bad of ['x"', "%d", "$HOME", "x\nProxyCommand id", "x\\"]) {
    const refused = await call(
      pool.api,
      "GET",
      `/reservations/${id}/ssh_config?known_hosts=${encodeURIComponent(bad)}`,
    );
    expect([refused.status, refused.body.details?.[0].field]).toEqual([400, "known_hosts"]);
  }
});

test("a machine with another host key, or an unknown one, gets no login", async () => {
  const known = readFileSync(join(folder, "known_hosts"), "utf8");
  expect(known.trim().split("\n")).toHaveLength(3);
  const [first = "", second = ""] = machines.map(({ machine }) => machine);
  const keyOf = (name: string) => known.split("\n").find((line) => line.startsWith(`${name} `));
  const other = `${keyOf(second)}\n`.replace(second, first);
  const config = readFileSync(join(folder, "ssh_config"), "utf8");
  for (const [file, text] of [
    ["another", other],
    ["unknown", ""],
  ] as const) {
    writeFileSync(join(folder, file), text);
    writeFileSync(join(folder, `config-${file}`), config.replace('"known_hosts"', file));
    const { code, stderr } = await ssh(`config-${file}`, "node1");
    expect([code, stderr]).toEqual([255, expect.stringContaining("Host key verification failed")]);
  }
});

test("after the release of one, the files have the others under the same names", async () => {
  const released = await call(pool.api, "POST", `/reservations/${id}/release`, { machines: ["node2"] });
  expect(released.status).toBe(200);
  const config = await get("ssh_config");
  expect(config.match(/^Host .*$/gm)).toEqual(["Host node1", "Host node3", "Host *"]);
  expect(await get("known_hosts")).not.toContain(`${machines[1]?.machine} `);
  expect(await ssh("ssh_config", "node3")).toMatchObject({ code: 0 });
  // Its account is gone.
  expect((await ssh("ssh_config", "node2")).stderr).toContain("Permission denied");
});

test("once it is over, there are no machines to log in to", async () => {
  await call(pool.api, "DELETE", `/reservations/${id}`);
  for (const file of ["ssh_config", "known_hosts"]) {
    const { status, body } = await call(pool.api, "GET", `/reservations/${id}/${file}`);
    expect([status, body.code, body.error]).toEqual([
      409,
      "reservation_not_active",
      "The reservation is ended; it has machines to log in to only while it is active",
    ]);
  }
});
