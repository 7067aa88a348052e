// The documents' lists are complete and correct: settings, endpoints, error codes, recipes, faults, files. The commands are run
// by commands.test.ts.
import { expect, setDefaultTimeout, test } from "bun:test";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { app } from "../../app.ts";
import { FAULTS } from "../../db/schema/pool.ts";
import { STATUS_OF } from "../../http/codes.ts";
import { run } from "../support/run.ts";
import { blocks, commands, DOCUMENTS, quoted, ROOT, read, table } from "./markdown.ts";

setDefaultTimeout(60_000);

test("the settings are those of .env.example, with the same defaults", () => {
  const settings = new Map(
    [...read(".env.example").matchAll(/^#?([A-Z][A-Z0-9_]*)=(.*)$/gm)].map(
      ([, name = "", value = ""]) => [name, value] as const,
    ),
  );
  const rows = table("variable");
  expect(rows.map(([name = ""]) => quoted(name)[0] ?? "").sort()).toEqual([...settings.keys()].sort());
  for (const [name = "", fallback = ""] of rows) {
    const value = settings.get(quoted(name)[0] ?? "") ?? "";
    if (value && !value.startsWith("mysql:")) expect(`${name}: ${fallback}`).toContain(`\`${value}\``);
  }
});

const isPage = (path: string) => /^\/(swagger|login|ui\/|$)/.test(path);

test("the endpoints are those of the API, and each has a curl line", () => {
  // (commands.test.ts compares them with what /swagger/json says.)
  const served = app.routes
    .filter(({ path }) => !isPage(path))
    .map(({ method, path }) => `${method} ${path.replace(/:(\w+)/, "{$1}")}`);
  const listed = table("endpoint").flatMap(([cell = ""]) => quoted(cell));
  expect(listed.filter((one) => !isPage(one.split(" ")[1] ?? "")).sort()).toEqual(served.sort());
  const lines = blocks()
    .filter(({ language }) => language === "sh")
    .flatMap(({ text }) => text.split("\n"))
    .filter((text) => text.startsWith("curl "));
  const called = lines.map((text) => {
    const method = /-X ([A-Z]+)/.exec(text)?.[1] ?? (text.includes(" -d ") ? "POST" : "GET");
    const path = /https:\/\/localhost(\/[^\s"?]*)/.exec(text)?.[1] ?? "";
    return `${method} ${path.replace(/^\/(machines|users)\/.+/, "/$1/{name}").replace(/\/ID(?=\/|$)/, "/{id}")}`;
  });
  expect(served.filter((one) => !called.includes(one))).toEqual([]);
});

test("the error codes are those of the API and of nginx, with their status", () => {
  const known = Object.entries(STATUS_OF).map(([code, status]) => `${code} ${status}`);
  const ofNginx = [...read("nginx/site.conf.template").matchAll(/return (\d+) '[^']*"code":"(\w+)"/g)];
  expect(known).toEqual(expect.arrayContaining(ofNginx.map(([, status, code]) => `${code} ${status}`)));
  const listed = table("status").flatMap(([status = "", codes = ""]) =>
    quoted(codes).map((code) => `${code} ${status}`),
  );
  expect(listed.sort()).toEqual(known.sort());
});

test("the recipes are those of the Justfile, whose scripts exist", async () => {
  const summary = await run(["just", "--summary"]);
  expect(summary.code).toBe(0);
  const recipes = summary.stdout.trim().split(" ");
  expect(
    table("recipe")
      .flatMap(([cell = ""]) => quoted(cell))
      .sort(),
  ).toEqual(recipes.sort());
  // Every script that they name exists, and knows the command that it gets.
  for (const [script] of read("Justfile").matchAll(/provision\/[\w/-]+\.(sh|ts)/g))
    expect(existsSync(join(ROOT, script)), script).toBe(true);
  for (const [, word = ""] of read("Justfile").matchAll(/\{\{ stack \}\} \w+ ([a-z-]+)/g)) {
    const texts = ["stack", "native"].map((name) => read(`provision/${name}.ts`)).join("");
    expect(texts, word).toMatch(new RegExp(`\\b"?${word.replace(/-dev$/, "")}"?(:|\\()`));
  }
});

test("the kinds of fault are those of the schema", () => {
  expect(table("`fault`").flatMap(([cell = ""]) => quoted(cell).slice(0, 1))).toEqual([...FAULTS]);
});

test("diagrams are of a kind that Mermaid supports, and their brackets match", () => {
  const diagrams = blocks().filter(({ language }) => language === "mermaid");
  expect(diagrams.length).toBeGreaterThanOrEqual(2);
  for (const { text } of diagrams) {
    expect(text).toMatch(/^(flowchart (LR|TB|TD)|stateDiagram-v2|sequenceDiagram)\n/);
    for (const [open, close] of ["[]", "()", "{}"])
      expect(text.split(open ?? "").length).toBe(text.split(close ?? "").length);
    for (const line of text.trim().split("\n").slice(1)) expect(line).toMatch(/^ {2}\S/);
  }
});

/** Its headings, as links name them. */
const headingsOf = (file: string) =>
  [...read(file).matchAll(/^#+ (.+)$/gm)].map(([, text = ""]) =>
    text
      .toLowerCase()
      .replace(/[^\w\s-]/g, "")
      .replace(/\s/g, "-"),
  );

test("every link leads to a heading or a file, and the folders that they name exist", () => {
  const dead = DOCUMENTS.flatMap((file) =>
    [...read(file).matchAll(/\]\(([^)]+)\)/g)].flatMap(([, to = ""]) => {
      if (to.startsWith("http")) return [];
      const [path = "", heading] = to.split("#");
      const target = path ? join(dirname(file), path) : file;
      const there =
        existsSync(join(ROOT, target)) && (heading === undefined || headingsOf(target).includes(heading));
      return there ? [] : [`${file}: ${to}`];
    }),
  );
  expect(dead).toEqual([]);
  for (const head of ["where", "room"])
    for (const [cell = ""] of table(head))
      for (const place of quoted(cell))
        expect(
          existsSync(join(ROOT, place)) ||
            existsSync(join(ROOT, "pool/reservations", place)) ||
            place === "nginx",
          place,
        ).toBe(true);
});

test("the README is a front door: short, with a picture, the two commands, and a link to each document", () => {
  const readme = read("README.md");
  expect(readme.split("\n").length).toBeLessThan(200);
  for (const part of ["```mermaid", "git clone", "(LICENSE)"]) expect(readme).toContain(part);
  const first = commands().filter(({ file }) => file === "README.md");
  expect(first.slice(0, 2).map(({ text }) => text)).toEqual([
    "npx --yes rust-just run",
    "npx --yes rust-just test",
  ]);
  for (const file of DOCUMENTS.slice(1)) expect(readme).toContain(`](${file})`);
});

test("decision records have a status and a date", () => {
  const files = [...new Bun.Glob("docs/decisions/*.md").scanSync(ROOT)];
  expect(files.length).toBeGreaterThan(8);
  const without = files.filter(
    (file) =>
      !/^# \d{4} .+\n\n\*\*Status:\*\* (accepted|superseded by \d{4}), \d{4}-\d{2}-\d{2}\n/.test(read(file)),
  );
  expect(without).toEqual([]);
});
