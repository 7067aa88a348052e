// The README's first page, word for word, in a copy of this checkout: `just run`, each command under "Use", `just down`,
// `just clean`. (tests/native has the rest of the native stack, tests/docs/commands.test.ts the other documents.)
import { afterAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { commands } from "../docs/markdown.ts";
import { Copy } from "../native/copy.ts";
import { run } from "../support/run.ts";

setDefaultTimeout(180_000);

const asRoot = process.getuid?.() === 0;
if (!asRoot) console.warn("tests/e2e/quick_start.test.ts is skipped: demo machines without Docker need root");

/** The commands to type, except for installing `just` and running the tests. */
const steps = commands()
  .filter(({ file }) => file === "README.md")
  .map(({ text }) => text.replace(/^npx --yes rust-just/, "just"))
  .filter((text) => text !== "just test");

describe.skipIf(!asRoot)("the README's first page", () => {
  let copy: Copy;
  const folder = mkdtempSync(join(tmpdir(), "mm-quick-"));
  afterAll(async () => {
    await copy?.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  test("from nothing to an account, and back to nothing", async () => {
    copy = await Copy.make({ MACHINE_COUNT: "3" });
    const password = join(folder, "password");
    writeFileSync(password, "#!/bin/sh\necho secret\n");
    chmodSync(password, 0o700);
    const env = { ...copy.env, SSH_ASKPASS: password, SSH_ASKPASS_REQUIRE: "force" };
    // `clean` comes last; on the page it is before "Use".
    const [first, ...rest] = steps;
    const inOrder = [
      first,
      ...rest.filter((text) => !/^just (down|clean)$/.test(text)),
      "just down",
      "just clean",
    ];
    expect(inOrder).toHaveLength(steps.length);
    expect(inOrder[0]).toBe("just run");
    const said: Record<string, string> = {};
    let port = 0; // "at a host and port from that response"
    for (const text of inOrder) {
      if (text === undefined) throw new Error("the README has no commands");
      const adapted = text
        .replaceAll("https://localhost/", `https://localhost:${copy.ports.https}/`)
        .replace(/^curl /, "curl -sS --max-time 60 --fail-with-body ")
        .replace(
          /^ssh -p 2221 /,
          `setsid -w ssh -F none -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -p ${port} `,
        );
      const input = text.startsWith("ssh ") ? "<<<'id -un; hostname'" : "";
      const ran = await run(["bash", "-c", `umask 077; ${adapted} ${input}`], env, copy.folder);
      expect(ran.code, `${text}: ${ran.stdout}${ran.stderr}`).toBe(0);
      said[text] = ran.stdout;
      if (text.includes("/reserve?")) port = JSON.parse(ran.stdout).machines[0].port;
    }
    const output = (start: string) =>
      Object.entries(said).find(([text]) => text.startsWith(start))?.[1] ?? "";
    expect(output("just run")).toContain(`Machine Manager runs at https://localhost:${copy.ports.https}`);
    expect(JSON.parse(output("curl -k https://localhost/available")).available).toHaveLength(3);
    expect(JSON.parse(output('curl -k "https://localhost/reserve')).machines).toHaveLength(2);
    expect(output("ssh")).toContain("alice\nalpine-");
    expect(JSON.parse(output("curl -k https://localhost/release_all"))).toEqual({
      message: "All machines released",
      released: 2,
      failed: [],
    });
    expect(copy.processes().size).toBe(0);
  });
});
