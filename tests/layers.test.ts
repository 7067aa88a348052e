// The import table of the design, so that the house keeps its walls: no HTTP in pool/, no SQL in routes/, and so on.
import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

const ROOT = join(import.meta.dir, "..");

/** What each folder, or file at the top, may import of ours; a folder also imports from itself. */
const MAY_IMPORT: Record<string, string[]> = {
  "server.ts": ["app.ts", "commands.ts", "config.ts", "deps.ts", "log.ts", "workers.ts", "db", "cron"],
  "commands.ts": ["config.ts", "deps.ts", "db", "pool"],
  "app.ts": ["routes", "http"],
  routes: ["http", "pool", "config.ts"],
  cron: ["pool", "config.ts", "deps.ts", "log.ts"],
  http: ["pool", "config.ts", "deps.ts", "log.ts"],
  "deps.ts": ["config.ts", "db", "accounts", "log.ts"],
  pool: ["db", "accounts"],
  accounts: [],
  db: [],
  "config.ts": [],
  "log.ts": [],
  "workers.ts": ["log.ts"],
  provision: ["config.ts", "log.ts"],
};

/** Packages that belong to one part of the house. */
const ONLY_IN: Record<string, string[]> = {
  elysia: ["app.ts", "routes", "http", "cron"],
  "@elysiajs/cron": ["cron"],
  "@elysiajs/swagger": ["http"],
  ssh2: ["accounts"],
  "mysql2/promise": ["db"],
};

const partOf = (path: string) => path.split("/", 1)[0] as string;
const elsewhere = ["node_modules", "tests", "web"];
const files = readdirSync(ROOT, { withFileTypes: true })
  .filter((entry) => !entry.name.startsWith(".") && !elsewhere.includes(entry.name))
  .flatMap(({ name }) => [...new Bun.Glob(name.endsWith(".ts") ? name : `${name}/**/*.ts`).scanSync(ROOT)]);
const routes = files.filter((file) => partOf(file) === "routes");

/** What a file imports, types too: scanImports skips those, so the word `type` goes first. */
function importsOf(file: string): string[] {
  const text = readFileSync(join(ROOT, file), "utf8")
    .replace(/\b(import|export) type(?= \{| \*| \w+ from)/g, "$1")
    .replace(/([{,]\s*)type /g, "$1");
  const found = new Bun.Transpiler({ loader: "ts" }).scanImports(text);
  return found.map(({ path }) => (path.startsWith(".") ? join(dirname(file), path) : path));
}

test("each part of the program imports only what the table allows", () => {
  expect(files.length).toBeGreaterThan(30);
  expect([...new Set(files.map(partOf))].sort()).toEqual(Object.keys(MAY_IMPORT).sort());
  const wrong = files.flatMap((file) => {
    const part = partOf(file);
    // A route shares through http/, never with another route.
    const allowed = [...(MAY_IMPORT[part] ?? []), ...(part === "routes" ? [] : [part])];
    const bad = (to: string) =>
      to.endsWith(".ts") ? !allowed.includes(partOf(to)) : ONLY_IN[to] && !ONLY_IN[to].includes(part);
    return importsOf(file)
      .filter(bad)
      .map((to) => `${file} imports ${to}`);
  });
  expect(wrong).toEqual([]);
});

test("every file in routes/ is registered in app.ts, at the address that its place says", async () => {
  const imported = importsOf("app.ts");
  expect(imported.filter((path) => partOf(path) === "routes").sort()).toEqual(routes.toSorted());
  const { app } = await import("../app.ts"); // here, so that a wrong import is first told by the test above
  const served = new Set(app.routes.map(({ method, path }) => `${method} ${path}`));
  for (const file of routes) {
    const address = file.replace(/^routes|(\/index)?\.ts$/g, "").replace(/\[(\w+)\]/g, ":$1");
    const { default: route } = await import(join(ROOT, file));
    expect(route.routes.length).toBeGreaterThan(0);
    expect(Object.hasOwn(route, "fetch")).toBe(true); // `deno serve FILE` asks for its own
    for (const { method, path } of route.routes) {
      expect(path === address || path.startsWith(`${address}/`), `${file} answers ${path}`).toBe(true);
      expect(served).toContain(`${method} ${path}`);
    }
  }
});
