// Every command of the documents is run, in order: here, against real machines, MariaDB, API, scheduler and nginx on other
// ports, or by the test that ELSEWHERE names. A new command that neither covers fails.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loginKey } from "../bench/ssh_key.ts";
import { startMachines, type TestMachine } from "../support/machines.ts";
import { newSettings, type Program, startProgram } from "../support/program.ts";
import { startProxy, type TlsProxy } from "../support/proxy.ts";
import { ROOT, run } from "../support/run.ts";
import { blocks, type Command, commands, quoted, table } from "./markdown.ts";

setDefaultTimeout(120_000);

/** Commands that another test runs: the file, and how the command appears there. */
const ELSEWHERE: Record<string, { file: string; as: string }> = {
  "npx --yes rust-just run": { file: "tests/e2e/quick_start.test.ts", as: 'toBe("just run")' },
  "npx --yes rust-just test": {
    file: "provision/checks/ci.ts",
    as: '["npx", "--yes", "rust-just", "test"]',
  },
  "just test": { file: "provision/checks/ci.ts", as: '"rust-just", "test"' },
  "MODE=native just run": { file: "tests/native/copy.ts", as: 'MODE: "native"' },
  "MODE=docker just run": { file: "tests/docker/checkout.ts", as: 'MODE: "docker"' },
  "just prune-events --older-than 365d": {
    file: "tests/native/stack.test.ts",
    as: 'just("prune-events", "--older-than", "365d")',
  },
  "bun server.ts migrate": { file: "tests/db/owner.test.ts", as: '"migrate"' },
  "just rotate-key": { file: "tests/native/stack.test.ts", as: 'just("rotate-key")' },
  "just run-dev": { file: "tests/native/stack.test.ts", as: 'just("run-dev")' },
  "just install-systemd": { file: "tests/native/systemd.test.ts", as: '"install-systemd"' },
  "mariadb-dump --socket=.local/run/db/mysql.sock --single-transaction machine_manager >backup.sql": {
    file: "tests/native/stack.test.ts",
    as: "--single-transaction machine_manager >backup.sql",
  },
  "mariadb --socket=.local/run/db/mysql.sock machine_manager <backup.sql": {
    file: "tests/native/stack.test.ts",
    as: "machine_manager <backup.sql",
  },
  "just run": { file: "tests/native/stack.test.ts", as: 'just("run")' },
  "just status": { file: "tests/native/stack.test.ts", as: 'just("status")' },
  "just logs api": { file: "tests/native/stack.test.ts", as: 'just("logs", "api")' },
  "just down": { file: "tests/native/stack.test.ts", as: 'just("down")' },
  "just clean": { file: "tests/native/stack.test.ts", as: 'just("clean")' },
};

const asRoot = process.getuid?.() === 0;
if (!asRoot) console.warn("tests/docs/commands.test.ts: README's commands are skipped: machines need root");

/** What may run here: it only touches what this test started. Anything else would run on the developer's own stack. */
const HERE = [
  /^curl [^;|&]*["']?https:\/\/localhost\/(?:[^;|']|'[^']*'|')*$/,
  /^ssh -p 2221 \w+@localhost$/,
  /^ssh -F ssh_config node1$/,
  /^just (register-machine rack-7 rack-7\.example\.org|test tests\/http\/in_process\.test\.ts|check)$/,
  /^bun provision\/register\.ts --file machines\.txt$/,
  /^bun tests\/bench\/\w+\.ts$/,
];

/** The documents' dates are in the past some day. */
const IN_A_WEEK = new Date(Date.now() + 7 * 24 * 3_600_000).toISOString().slice(0, 10);

const all = commands();
const here = all.filter(({ text }) => HERE.some((form) => form.test(text)));

test("every command is run here or elsewhere", () => {
  expect(all.length).toBeGreaterThan(30);
  const covered = (text: string) => text in ELSEWHERE || HERE.some((form) => form.test(text));
  expect(all.filter(({ text }) => !covered(text))).toEqual([]);
});

test("the other tests still run theirs", () => {
  for (const [command, { file, as }] of Object.entries(ELSEWHERE)) {
    expect(all.map(({ text }) => text)).toContain(command);
    expect(readFileSync(join(ROOT, file), "utf8"), `${file} runs ${command}`).toContain(as);
  }
});

/** Whether a response has the shape that the document shows: the same fields, of the same types. */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.length > 0 ? [shapeOf(value[0])] : "list";
  if (value === null || typeof value !== "object") return value === null ? "null" : typeof value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, shapeOf(part)]));
}

const endpointsOf = ({ paths }: { paths: Record<string, Record<string, unknown>> }) =>
  Object.entries(paths)
    .flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
    )
    .sort();
const endpoints = () =>
  table("endpoint")
    .flatMap(([cell = ""]) => quoted(cell))
    .filter((text) => !/ \/(swagger|login|ui\/|$)/.test(text))
    .sort();

describe.skipIf(!asRoot)("README's commands", () => {
  let demo: TestMachine[];
  let racks: TestMachine[];
  let programs: Program[];
  let proxy: TlsProxy;
  let folder: string;
  let key: Awaited<ReturnType<typeof loginKey>>;
  let url: string;
  let id = "";
  let csrf = "";
  let sshPort = 0;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "mm-readme-"));
    let settings: Awaited<ReturnType<typeof newSettings>>;
    const like = { privileged: false };
    [demo, racks, settings] = await Promise.all([
      startMachines(3, { ...like, prefix: "alpine-", password: "test" }),
      startMachines(2, { ...like, prefix: "rack-" }),
      newSettings(),
    ]);
    const api = await startProgram(settings);
    programs = [api, await startProgram(settings, "scheduler")];
    proxy = await startProxy(api.url.replace("http://", ""));
    url = `https://localhost:${proxy.https}`;
    key = await loginKey(racks);
    const list = (machines: TestMachine[], host: string) =>
      machines
        .map(({ name, port, user, password }) => `${name} ${host} ${port} ${user} ${password}\n`)
        .join("");
    // What `just run` does at the end; plus a line for "many at once".
    writeFileSync(join(folder, "demo.txt"), list(demo, "localhost"));
    writeFileSync(join(folder, "machines.txt"), `# again\n${list(demo.slice(0, 1), "localhost")}`);
    const added = await run([
      "bun",
      "provision/register.ts",
      "--url",
      url,
      "--file",
      join(folder, "demo.txt"),
    ]);
    expect(added.stdout).toContain("3 registered");
    writeFileSync(join(folder, "header.txt"), "Authorization: Bearer a-token-of-16-characters\n");
    await makeRackFile();
  });
  afterAll(async () => {
    await proxy?.stop();
    await Promise.all((programs ?? []).map((one) => one.stop("SIGKILL")));
    await Promise.all([...(demo ?? []), ...(racks ?? [])].map((one) => one.stop()));
    key?.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  /** The documents' file for a machine with a key, for an OS user with sudo on our second rack. */
  async function makeRackFile() {
    const rack = racks[1] as TestMachine;
    const sudo = "printf 'deploy ALL=(ALL) NOPASSWD: ALL\\n' >/etc/sudoers.d/deploy";
    const made = await rack.exec(
      `useradd -m -s /bin/sh deploy && mkdir -p -m 755 /etc/sudoers.d && ${sudo} &&
       cp -R /root/.ssh /home/deploy/ && chown -R deploy: /home/deploy/.ssh && cat /etc/ssh/ssh_host_ed25519_key.pub ||
       ssh-keygen -y -f /etc/ssh/ssh_host_ed25519_key`,
    );
    const hostKey = made.stdout.trim().split(" ").slice(0, 2).join(" ");
    const shown = blocks().find(({ language, text }) => language === "json" && text.includes("private_key"));
    const machine = JSON.parse(shown?.text ?? "{}");
    expect(Object.keys(machine)).toContain("host_key");
    const real = {
      host: "127.0.0.1",
      port: rack.port,
      private_key: readFileSync(key.file, "utf8"),
      host_key: hostKey,
    };
    writeFileSync(join(folder, "rack-8.json"), JSON.stringify({ ...machine, ...real }));
  }

  /** The command as it is run here: only ports and places differ. */
  function adapted(text: string): string {
    return (
      text
        .replaceAll("https://localhost/", `${url}/`)
        .replace('"port":2221', `"port":${demo[0]?.port}`)
        .replace("ssh -p 2221 ", `ssh -p ${sshPort} `)
        .replace(/\/ID(?=[/?']|$)/, `/${id}`)
        // A person may wait for a minute.
        .replace("?wait=60", "?wait=1")
        .replace("--max-time 60", "--max-time 2")
        .replace('"starts_at":"2026-12-02T13:00', `"starts_at":"${IN_A_WEEK}T13:00`)
        .replace("rack-7.example.org", `127.0.0.1 ${racks[0]?.port}`)
        .replace(".local/certificate/cert.pem", join(proxy.folder, "tls/cert.pem"))
        .replace(/@([\w-]+\.(json|txt))/, `@${folder}/$1`)
        .replace("cookies.txt", join(folder, "cookies.txt"))
        .replace("X-CSRF-Token: CSRF", `X-CSRF-Token: ${csrf}`)
        .replace("--file machines.txt", `--file ${folder}/machines.txt --url ${url}`)
        .replace(/^(bun tests\/bench\/\S+)$/, "$1 1 1 1")
        .replace(/^(curl .* -o \w+|ssh -F \w+ .*)$/, `cd ${folder} && $1`)
    );
  }

  // Each is the command itself except for what a person would do: type a password, and read the status.
  const FUNCTIONS = `
    curl() { command curl -sS --max-time 60 -w '\\n%{http_code}' "$@"; }
    ssh() { if [[ $1 == -F ]]; then as_it_is "$@"; else as_it_is -F none -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null "$@"; fi; }
    as_it_is() { SSH_ASKPASS=$ASKPASS SSH_ASKPASS_REQUIRE=force setsid -w ssh "$@" <<<'id -un'; }
    just() { if [[ $1 == register-machine ]]; then command just "$@" <<<"$PASSWORD"; else command just "$@"; fi; }
  `;

  async function perform(command: Command) {
    const askpass = join(folder, "askpass");
    writeFileSync(askpass, "#!/bin/sh\necho secret\n", { mode: 0o700 });
    const api = new URL(programs[0]?.url ?? "");
    const env = {
      ...{ ASKPASS: askpass, PASSWORD: racks[0]?.password ?? "", MODE: "native" },
      ...{ HOST: api.hostname, PORT: api.port, HTTPS_PORT: `${proxy.https}`, ADMIN_TOKEN: "" },
    };
    return run(["bash", "-c", `${FUNCTIONS}\n${adapted(command.text)}`], env);
  }

  for (const command of here)
    test(`${command.file}:${command.line}: ${command.text.slice(0, 90)}`, async () => {
      const { code, stdout, stderr } = await perform(command);
      if (command.text === "bun tests/bench/http.ts" && code === 2) {
        expect(stderr).toContain("apt-get install wrk");
        return;
      }
      const isStream = command.text.endsWith("/stream");
      // curl ends it, which is an error to curl.
      expect(code, stdout + stderr).toBe(isStream ? 28 : 0);
      if (isStream) {
        expect(stdout).toContain("\nid: ");
        expect(stdout).toEndWith("\n200");
        return;
      }
      if (command.text.startsWith("ssh ")) expect(stdout).toContain("alice");
      if (command.text.startsWith("just register-machine")) expect(stdout).toContain("rack-7: registered\n");
      if (!command.text.startsWith("curl ")) return;
      const cut = stdout.lastIndexOf("\n");
      expect(stdout.slice(cut + 1), stdout).toMatch(/^20[012]$/);
      if (/ -o \w+$/.test(command.text)) return; // the next commands read that file
      if (/format=(csv|jsonl)/.test(command.text)) return; // a file for people
      const answer = JSON.parse(stdout.slice(0, cut));
      if (command.answer) expect(shapeOf(answer)).toEqual(shapeOf(command.answer));
      if (answer.openapi) expect(endpointsOf(answer)).toEqual(endpoints());
      if (answer.state) expect(answer.state, stdout).toMatch(/available|active|queued|booked/);
      if (typeof answer.id === "string") id = answer.id;
      if (typeof answer.csrf === "string") csrf = answer.csrf;
      sshPort = answer.machines?.[0]?.port ?? sshPort;
    });
});
