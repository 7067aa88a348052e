import { afterAll, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "ssh2";
import { freePort, startMachines, stopAllMachines, type TestMachine } from "../support/machines.ts";
import { until } from "../support/until.ts";

const script = join(import.meta.dir, "../../provision/machines/machine.sh");
setDefaultTimeout(60_000);
afterAll(stopAllMachines, 60_000);

async function one(options: Parameters<typeof startMachines>[1]): Promise<TestMachine> {
  const [machine] = await startMachines(1, options);
  if (!machine) throw new Error("no machine");
  return machine;
}

/** Logs in over real SSH and runs one command; rejects if the login is refused. */
function ssh(machine: TestMachine, command: string, user = "root", password = machine.password) {
  let hostKey = "";
  return new Promise<{ output: string; hostKey: string }>((resolve, reject) => {
    const client = new Client();
    client.once("error", reject);
    client.once("ready", () =>
      client.exec(command, (error, stream) => {
        if (error) return reject(error);
        let output = "";
        stream.on("data", (data: Buffer) => (output += data));
        stream.stderr.on("data", (data: Buffer) => (output += data));
        stream.on("close", () => {
          client.end();
          resolve({ output, hostKey });
        });
      }),
    );
    client.connect({
      host: machine.host,
      port: machine.port,
      username: user,
      password,
      hostVerifier: (key: Buffer) => {
        hostKey = key.toString("base64");
        return true;
      },
    });
  });
}

function run(...args: string[]) {
  const ran = Bun.spawnSync([script, ...args], { stdin: new Blob(["a-password\n"]) });
  return { code: ran.exitCode, out: ran.stdout.toString(), err: ran.stderr.toString() };
}

/** The host's mounts, except those that a Docker engine makes and removes in the meantime. */
function hostMounts() {
  const lines = readFileSync("/proc/mounts", "utf8").split("\n");
  return lines.filter((line) => !line.includes("/docker/")).join("\n");
}

test("root and an account made in the machine can log in, and the host is untouched", async () => {
  const machine = await one({ prefix: "login-" });
  const asRoot = await ssh(machine, "id -u; hostname; useradd -m -u 20001 -c mark mm-joe");
  expect(asRoot.output).toBe("0\nlogin-1\n");
  const set = await machine.exec("chpasswd", "mm-joe:s3cret pass\n");
  expect(set).toEqual({ code: 0, stdout: "", stderr: "" });
  expect((await ssh(machine, "id -u; pwd", "mm-joe", "s3cret pass")).output).toBe("20001\n/home/mm-joe\n");
  await expect(ssh(machine, "true", "mm-joe", "wrong")).rejects.toThrow();
  expect(existsSync(`${machine.root}/home/mm-joe`)).toBe(true);
  expect(existsSync("/home/mm-joe")).toBe(false);
  for (const file of ["passwd", "shadow", "group", "subuid"])
    expect(readFileSync(`/etc/${file}`, "utf8")).not.toContain("mm-joe");
  await machine.stop();
});

test("20 logins at once", async () => {
  const machine = await one({ prefix: "many-" });
  const all = await Promise.all(Array.from({ length: 20 }, () => ssh(machine, "echo in")));
  expect(all.map((each) => each.output)).toEqual(Array(20).fill("in\n"));
  await machine.stop();
});

test("it has none of the host's people, keys, files, environment, processes or IPC", async () => {
  const ipc = Bun.spawnSync(["ipcmk", "--shmem", "64"]).stdout.toString();
  try {
    const machine = await one({ prefix: "inside-" });
    const inside = async (command: string) => (await machine.exec(command)).stdout.trim();
    expect(await inside("ls -A / | tr '\\n' ' '")).toMatch(
      /^bin boot dev etc home lib(x?32|64| |lib)* media mnt opt proc root run sbin srv sys tmp usr var$/,
    );
    expect(await inside("ls -A /root /home /tmp /var/tmp | grep -v : | grep .")).toBe("");
    expect(await inside("awk -F: '$3 >= 1000 && $3 < 60000' /etc/passwd /etc/group")).toBe("");
    // Only root has a password; its hash, and the host keys, are the machine's own.
    expect(await inside("awk -F: '$2 != \"*\" {print $1}' /etc/shadow")).toBe("root");
    for (const line of readFileSync("/etc/shadow", "utf8")
      .split("\n")
      .filter((text) => text.includes("$")))
      expect(await inside("cat /etc/shadow")).not.toContain(line.split(":")[1] as string);
    for (const type of ["ed25519", "ecdsa"]) {
      const path = `/etc/ssh/ssh_host_${type}_key`;
      if (existsSync(path)) expect(await inside(`cat ${path}`)).not.toBe(readFileSync(path, "utf8").trim());
    }
    expect(await inside("tr '\\0' '\\n' </proc/1/environ | grep -c PWD=/work")).toBe("0");
    expect(Number(await inside("ls -d /proc/[0-9]* | wc -l"))).toBeLessThan(10);
    expect(await inside("tail -n +2 /proc/sysvipc/shm")).toBe("");
    expect(await inside("awk '{print $2}' /proc/mounts | tr '\\n' ' '")).toBe(
      "/ /dev /dev/pts /dev/shm /dev/mqueue /run /proc",
    );
    await machine.stop();
  } finally {
    Bun.spawnSync(["ipcrm", "--shmem-id", ipc.trim().split(" ").at(-1) ?? ""]);
  }
});

test("root of a demo machine (known password) can't reach the host's kernel settings or devices", async () => {
  const machine = await one({ prefix: "plain-", privileged: false });
  const { output } = await ssh(
    machine,
    "echo x >/proc/sys/kernel/core_pattern; mknod /tmp/d b 254 0; mount -t tmpfs x /mnt; umount /proc/sys; echo done",
  );
  expect(output).toContain("/proc/sys/kernel/core_pattern: Read-only file system");
  expect(output).toContain("mknod: /tmp/d: Operation not permitted");
  expect(output).toMatch(/mount: \/mnt: .*\n/);
  expect(output).toMatch(/umount: \/proc\/sys: .*\n/);
  // (Output and errors come by two ways, in any order.)
  expect(output).toContain("done\n");
  await machine.stop();
});

test("its network is private: SSH gets in, and nothing on the host is reachable from inside", async () => {
  const [one, other] = await startMachines(2, { prefix: "net-" });
  if (!one || !other) throw new Error("no machines");
  await one.exec("useradd -m -s /bin/bash ann && echo ann:secret | chpasswd");
  const from = (command: string) => ssh(one, command, "ann", "secret").then(({ output }) => output.trim());
  const host = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: { open: (s) => void s.end("host"), data() {} },
  });
  const everywhere = Bun.listen({
    hostname: "0.0.0.0",
    port: 0,
    socket: { open: (s) => void s.end("host"), data() {} },
  });
  const abstract = `mm-test-${process.pid}`;
  const unix = Bun.listen({ unix: `\0${abstract}`, socket: { open: (s) => void s.end("host"), data() {} } });
  try {
    const tcp = (port: number, at = "127.0.0.1") =>
      from(`timeout 5 bash -c 'cat </dev/tcp/${at}/${port}' 2>/dev/null || echo no`);
    // Positive controls: they answer from the host.
    for (const { port } of [host, everywhere])
      expect(await Bun.$`bash -c ${`cat </dev/tcp/127.0.0.1/${port}`}`.text()).toBe("host");
    for (const { port } of [host, everywhere, other, one]) expect(await tcp(port)).toBe("no");
    const ask = `python3 -c 'import socket; s = socket.socket(socket.AF_UNIX); s.connect("\\0${abstract}"); print(s.recv(9).decode())'`;
    expect((await Bun.$`sh -c ${ask}`.text()).trim()).toBe("host");
    expect(await from(`${ask} 2>&1 | tail -n 1`)).toContain("refused");
    expect(await from("cat /proc/net/dev | grep -c :")).toBe("1");
    // Its own loopback works, and is not the host's.
    const within = await from(
      "python3 -m http.server --bind 127.0.0.1 18080 >/dev/null 2>&1 & for i in $(seq 50); do bash -c 'printf \"HEAD / HTTP/1.0\\r\\n\\r\\n\" >&3; head -n 1 <&3' 3<>/dev/tcp/127.0.0.1/18080 2>/dev/null && break; sleep 0.1; done; kill %1",
    );
    expect(within).toContain("200 OK");
    expect(await Bun.$`bash -c ${"exec 3<>/dev/tcp/127.0.0.1/18080"}`.nothrow().quiet()).toHaveProperty(
      "exitCode",
      1,
    );
  } finally {
    for (const one of [host, everywhere, unix]) one.stop(true);
    await Promise.all([one.stop(), other.stop()]);
  }
});

test("stop leaves no process, mount or folder, whatever was running; restart keeps the host key", async () => {
  const mounts = hostMounts();
  const machine = await one({ prefix: "stop-" });
  const first = await ssh(
    machine,
    "useradd -m mm-left; (trap '' HUP TERM; sleep 1000) >/dev/null 2>&1 & echo",
  );
  await machine.exec("mkdir /home/mm-left/m; mount -t tmpfs x /home/mm-left/m; touch /home/mm-left/m/f");
  expect(hostMounts()).toBe(mounts);
  await machine.restart();
  const second = await ssh(machine, "id mm-left; ps -e | grep -c sleep");
  expect(second.output).toBe("id: ‘mm-left’: no such user\n0\n".replace(/[‘’]/g, "'"));
  expect(second.hostKey).toBe(first.hostKey);
  const space = Bun.spawnSync(["readlink", `/proc/${machine.pid}/ns/pid`])
    .stdout.toString()
    .trim();
  const inSpace = () =>
    Bun.spawnSync(["sh", "-c", `ls -l /proc/[0-9]*/ns/pid | grep -F '${space}'`]).exitCode === 0;
  expect(inSpace()).toBe(true);
  await machine.stop();
  expect(inSpace()).toBe(false);
  expect(hostMounts()).toBe(mounts);
  await expect(ssh(machine, "true")).rejects.toThrow();
});

test("the command: start twice, invalid ports and names, list, a reused pid, stop", async () => {
  const folder = await mkdtemp(join(tmpdir(), "mm-test, with:odd name-"));
  const dir = ["--dir", join(folder, "machines")];
  const port = String(await freePort());
  try {
    const started = run("start", "c-1", port, ...dir, "--password-stdin");
    expect(started.out).toMatch(new RegExp(`^c-1 runs on 127.0.0.1:${port} \\(pid \\d+\\)\n$`));
    expect(run("start", "c-1", port, ...dir).out).toContain("c-1 already runs");
    expect(run("start", "c-1", String(await freePort()), ...dir).err).toContain("stop it first");
    expect(run("start", "c-2", port, ...dir)).toMatchObject({
      code: 1,
      err: expect.stringContaining("is taken"),
    });
    expect(run("start", "../x", port, ...dir)).toMatchObject({
      code: 2,
      err: expect.stringContaining("bad machine name"),
    });
    expect(run("start", "c-3", port, ...dir, "--bind", "0.0.0.0").err).toContain("loopback only");
    expect(run("list", ...dir).out).toMatch(new RegExp(`^c-1 127.0.0.1 ${port} \\d+ running\n$`));

    const other = Bun.spawn(["sleep", "100"]);
    const state = join(folder, "machines/c-1/state");
    const fields = readFileSync(state, "utf8").split(" ");
    await Bun.write(state, [String(other.pid), ...fields.slice(1)].join(" "));
    expect(run("list", ...dir).out).toMatch(/dead\n$/);
    expect(run("stop", "c-1", ...dir).out).toBe("c-1 is gone\n");
    expect(other.exitCode).toBeNull();
    other.kill();
    process.kill(Number(fields[0]), "SIGKILL"); // the machine, which the changed state no longer named

    expect(run("stop", "c-1", ...dir)).toMatchObject({ code: 0, out: "c-1 is not there\n" });
    run("stop-all", ...dir);
    expect(existsSync(join(folder, "machines"))).toBe(false);
  } finally {
    run("stop-all", ...dir);
    await rm(folder, { recursive: true });
  }
});

test("a test process that is killed leaves no machine behind", async () => {
  const program = `
    import { startMachines } from ${JSON.stringify(join(import.meta.dir, "../support/machines.ts"))};
    const [one] = await startMachines(2, { prefix: "crash-" });
    console.log(one.pid);
    await new Promise(() => setInterval(() => {}, 1000));`;
  const child = Bun.spawn([process.execPath, "-e", program], { stdout: "pipe" });
  const reader = child.stdout.getReader();
  const pid = Number(new TextDecoder().decode((await reader.read()).value));
  expect(existsSync(`/proc/${pid}/root/etc`)).toBe(true);
  child.kill("SIGKILL");
  await until("the machine is gone", 10_000, () => !existsSync(`/proc/${pid}/root/etc`));
});
