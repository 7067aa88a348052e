// `just register-machine` says what is wrong, and what to type instead.
import { afterAll, expect, test } from "bun:test";
import { ROOT, run } from "../support/run.ts";
import { until } from "../support/until.ts";

const seen: Record<string, unknown>[] = [];
const api = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  async fetch(request) {
    seen.push((await request.json()) as Record<string, unknown>);
    return Response.json({ name: "x", state: "available", last_error: null }, { status: 201 });
  },
});
afterAll(() => api.stop(true));

/** @param given on standard input */
async function register(words: string[], given = "", port = api.port) {
  seen.length = 0;
  const env = { MODE: "native", HOST: "127.0.0.1", PORT: String(port), ADMIN_TOKEN: "a-token-of-16-letters" };
  const { code, stdout, stderr } = await run(["just", "register-machine", ...words], env, ROOT, given);
  return { code, out: stdout, err: stderr };
}

test("with valid input it registers the machine, by default with port 22 and root", async () => {
  const { code, out, err } = await register(["rack-7", "rack-7.example.org"], "its password\n");
  expect({ code, out, err }).toEqual({ code: 0, out: "rack-7: registered\n", err: "" });
  const machine = {
    name: "rack-7",
    host: "rack-7.example.org",
    port: 22,
    user: "root",
    password: "its password",
  };
  expect(seen).toEqual([machine]);
  await register(["rack-7", "rack-7.example.org", "22", "root", "gpu,rack=8"], "its password\n");
  expect(seen).toEqual([{ ...machine, labels: { gpu: "", rack: "8" } }]);
});

for (const [what, words, says] of [
  ["no name", [], "usage: just register-machine NAME HOST [PORT] [USER] [LABELS]"],
  ["no host", ["rack-7"], "usage: just register-machine NAME HOST [PORT] [USER] [LABELS]"],
  ["a bad name", ["rack 7", "localhost"], "'rack 7': the name must be letters, digits"],
  ["a bad host", ["rack-7", "local/host"], "'local/host': the host must be a name or an address"],
  [
    "a port that there is not",
    ["rack-7", "localhost", "99999"],
    "'99999': the port is not a number from 1 to 65535",
  ],
  ["a word for a port", ["rack-7", "localhost", "ssh"], "'ssh': the port is not a number from 1 to 65535"],
  ["a bad label", ["rack-7", "localhost", "22", "root", "a,a"], "'a,a': the labels must be key=value,key"],
  ["a bad user", ["rack-7", "localhost", "22", "Root"], "'Root': the user must be"],
] as const)
  test(`${what} is reported before it prompts for the password`, async () => {
    const { code, out, err } = await register([...words], "s3cret\n");
    expect(code).toBe(2);
    expect(err).toContain(says);
    expect(err).toContain("just register-machine rack-7 rack-7.example.org 22 root");
    expect(out + err).not.toContain("s3cret");
    expect(seen).toEqual([]);
  });

test("without a password, it says how to give one", async () => {
  for (const given of ["", "\n"]) {
    const { code, err } = await register(["rack-7", "localhost"], given);
    expect(code).toBe(1);
    expect(err).toContain("no password was given");
    expect(err).toContain("standard input");
  }
  expect(seen).toEqual([]);
});

test("if the stack is not running, it says how to check", async () => {
  const closed = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response() });
  const { port } = closed;
  await closed.stop(true);
  const { code, err } = await register(["rack-7", "localhost"], "s3cret\n", port);
  expect(code).toBe(2);
  expect(err).toContain(`can't reach the API at http://127.0.0.1:${port}`);
  expect(err).toContain("just status");
  expect(err).not.toContain("s3cret");
});

/** `just register-machine` at a terminal; types this at the password prompt. */
async function atTerminal(typed: string) {
  const ECHO = 0o10;
  let shown = "";
  const child = Bun.spawn(["just", "register-machine", "rack-7", "localhost"], {
    cwd: ROOT,
    env: { ...process.env, MODE: "native", HOST: "127.0.0.1", PORT: String(api.port) },
    terminal: {
      cols: 200,
      rows: 20,
      data(_, text) {
        shown += new TextDecoder().decode(text);
      },
    },
  });
  const echoes = () => ((child.terminal?.localFlags ?? 0) & ECHO) !== 0;
  expect(echoes()).toBe(true);
  await until("it asks", 10_000, () => shown.includes("Password of root on localhost: ") && !echoes());
  child.terminal?.write(typed);
  const code = await child.exited;
  const after = echoes();
  child.terminal?.close();
  return { code, shown, echoes: after };
}

test("at a terminal, the password is not shown", async () => {
  const { code, shown, echoes } = await atTerminal("s3cret\n");
  expect({ code, echoes }).toEqual({ code: 0, echoes: true });
  expect(shown).not.toContain("s3cret");
  expect(seen.at(-1)).toMatchObject({ password: "s3cret" });
});

test("Ctrl-C there ends it with 130, and restores the terminal's echo", async () => {
  expect(await atTerminal("\u0003")).toMatchObject({ code: 130, echoes: true });
});
