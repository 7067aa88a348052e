// Enforces the design's import table: no HTTP in pool/, no SQL in routes/, and so on.
import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

const ROOT = join(import.meta.dir, "..");

/**
 * The tower, from the top down: a room imports from itself and from rooms below it. Rooms on the same line may not import
 * each other; `pool/` alone stands for the few files that all of its rooms share.
 */
const TOWER = [
  ["pool/reservations", "pool/usage"],
  ["pool/machines"],
  ["pool/lifecycle"],
  ["pool/identity", "pool/secrets"],
  ["pool/audit"],
  ["pool/accounts", "pool/planning"],
  ["pool"],
  ["db"],
];
const FLOORS = new Map(TOWER.flatMap((rooms, floor) => rooms.map((room) => [room, floor] as const)));
const rooms = [...FLOORS.keys()];

/** What each part outside the tower may import from our code; a folder also imports from itself. */
const MAY_IMPORT: Record<string, string[]> = {
  "server.ts": ["app.ts", "commands.ts", "config.ts", "deps.ts", "log.ts", "workers.ts", "cron", ...rooms],
  "commands.ts": ["config.ts", "deps.ts", "settings.ts", ...rooms],
  "app.ts": ["routes", "http"],
  routes: ["http", "config.ts", ...rooms.filter((room) => room !== "db")],
  cron: ["config.ts", "deps.ts", "log.ts", ...rooms.filter((room) => room !== "db")],
  http: ["config.ts", "deps.ts", "log.ts", ...rooms.filter((room) => room !== "db")],
  "deps.ts": ["config.ts", "log.ts", ...rooms],
  "config.ts": ["settings.ts"],
  "settings.ts": [],
  "log.ts": [],
  "workers.ts": ["log.ts"],
  provision: ["config.ts", "settings.ts"],
  packages: ["app.ts"],
  web: ["packages"],
};

/** Packages that only one part may use. */
const ONLY_IN: Record<string, string[]> = {
  elysia: ["app.ts", "routes", "http", "cron"],
  "@elysiajs/cron": ["cron"],
  "@elysiajs/swagger": ["http"],
  ssh2: ["pool/accounts"],
  "drizzle-orm": rooms,
  mysql2: rooms,
  "rrule-temporal": ["pool/planning"],
  "mysql2/promise": ["db"],
  "@elysiajs/eden": ["packages"],
  preact: ["web"],
  "@preact/signals": ["web"],
  uplot: ["web"],
};
/** Whether a part may use a package, or a module of it. */
const mayUse = (part: string, module: string) =>
  Object.entries(ONLY_IN).every(
    ([name, parts]) => (module !== name && !module.startsWith(`${name}/`)) || parts.includes(part),
  );

/** The tower room that a file is in, else its folder or its own name at the top. */
function partOf(path: string): string {
  const [first = "", second = "", third] = path.split("/");
  return first === "pool" && third !== undefined ? `pool/${second}` : first;
}
const elsewhere = ["node_modules", "tests"];
const files = readdirSync(ROOT, { withFileTypes: true })
  .filter((entry) => !entry.name.startsWith(".") && !elsewhere.includes(entry.name))
  .flatMap(({ name }) => [
    ...new Bun.Glob(name.endsWith(".ts") ? name : `${name}/**/*.{ts,tsx}`).scanSync(ROOT),
  ])
  .filter((file) => !file.startsWith("web/dist/"));
const routes = files.filter((file) => partOf(file) === "routes");

/** What a file imports, including types: scanImports skips those, so remove the word `type` first. */
function importsIn(file: string, text: string): string[] {
  const asValues = text
    .replace(/\b(import|export)\s+type(?=\s*\{|\s*\*|\s+\w+\s+from\b)/g, "$1")
    .replace(/([{,]\s*)type (?=\w)/g, "$1");
  const loader = file.endsWith("x") ? "tsx" : "ts";
  const found = new Bun.Transpiler({ loader }).scanImports(asValues).map(({ path }) => path);
  // A type may also be imported where it is used.
  const inPlace = [...text.matchAll(/\bimport\(\s*["'`]([^"'`]+)["'`]/g)].map(([, path = ""]) => path);
  // Bun also finds a file without its ending, or with .js.
  const whole = (path: string) =>
    path.endsWith(".tsx")
      ? join(dirname(file), path)
      : `${join(dirname(file), path).replace(/\.[jt]s$/, "")}.ts`;
  return [...new Set([...found, ...inPlace])].map((path) => (path.startsWith(".") ? whole(path) : path));
}
const importsOf = (file: string) => importsIn(file, readFileSync(join(ROOT, file), "utf8"));

/** Whether a part may import from another one. */
function mayImport(from: string, to: string): boolean {
  if (from === to) return from !== "routes"; // A route shares through http/, never with another route.
  const [above, below] = [FLOORS.get(from), FLOORS.get(to)];
  if (above !== undefined) return below !== undefined && above < below;
  return MAY_IMPORT[from]?.includes(to) ?? false;
}

test("each part of the program imports only from below", () => {
  expect(files.length).toBeGreaterThan(30);
  const parts = new Set(files.map(partOf));
  const known = [...Object.keys(MAY_IMPORT), ...rooms];
  expect([...parts].filter((part) => !known.includes(part))).toEqual([]);
  const wrong = files.flatMap((file) => {
    const part = partOf(file);
    return importsOf(file)
      .filter((to) => (/\.tsx?$/.test(to) ? !mayImport(part, partOf(to)) : !mayUse(part, to)))
      .map((to) => `${file} imports ${to}`);
  });
  expect(wrong).toEqual([]);
});

test("what runs in browsers imports nothing of the server but types", () => {
  const own = /^(web|packages)\//;
  const wrong = files
    .filter((file) => own.test(file))
    .flatMap((file) => {
      const text = readFileSync(join(ROOT, file), "utf8");
      const values = new Bun.Transpiler({ loader: file.endsWith("x") ? "tsx" : "ts" }).scanImports(text);
      return values
        .filter(({ path }) => path.startsWith(".") && !own.test(join(dirname(file), path)))
        .map(({ path }) => `${file} imports ${path}`);
    });
  expect(wrong).toEqual([]);
});

test("an import is seen however it is written, and names the file", () => {
  for (const text of [
    'import { x } from "../c/d.ts"',
    'import "../c/d.ts"',
    'import type { X } from "../c/d.ts"',
    'import type\n{ X } from "../c/d.ts"',
    'import {\n  type X,\n} from "../c/d.ts"',
    'import type X from "../c/d.ts"',
    'import type * as X from "../c/d.ts"',
    'export type { X } from "../c/d.ts"',
    'export * from "../c/d.ts"',
    'const x = () => import("../c/d.ts")',
    'type X = import("../c/d.ts").X',
    'type X = typeof import("../c/d.ts")',
    'import { x } from "../c/d"',
    'import { x } from "../c/d.js"',
  ])
    expect([text, importsIn("a/b.ts", text)]).toEqual([text, ["c/d.ts"]]);
  expect(mayUse("pool/audit", "elysia/utils")).toBe(false);
  expect([mayUse("routes", "drizzle-orm/mysql-core"), mayUse("db", "drizzle-orm")]).toEqual([false, true]);
});

/** A circle of imports from a file back to itself, as `a → b → a`; undefined if there is none. */
function findCircle(imports: (file: string) => string[]): string | undefined {
  const done = new Set<string>();
  const visit = (file: string, way: string[]): string | undefined => {
    if (way.includes(file)) return [...way.slice(way.indexOf(file)), file].join(" → ");
    if (done.has(file)) return undefined;
    for (const next of imports(file)) {
      const circle = visit(next, [...way, file]);
      if (circle) return circle;
    }
    done.add(file);
    return undefined;
  };
  for (const file of files) {
    const circle = visit(file, []);
    if (circle) return circle;
  }
  return undefined;
}

test("there are no circular imports, not even inside folders", () => {
  expect(findCircle((file) => importsOf(file).filter((to) => files.includes(to)))).toBeUndefined();
  const [one = "", other = ""] = files;
  expect(findCircle((file) => (file === one ? [other] : file === other ? [one] : []))).toBe(
    `${one} → ${other} → ${one}`,
  );
});

/** More would be a drawer, not a room. Migrations are a list that keeps growing; tests mirror what they test. */
const MOST_FILES = 15;
test("no folder of the program has too many files, no file too many lines", () => {
  const folders = Map.groupBy(
    files.filter((file) => file.includes("/")),
    dirname,
  );
  expect([...folders].filter(([, all]) => all.length > MOST_FILES).map(([folder]) => folder)).toEqual([]);
  // The texts of a language are one file.
  const bounded = files.filter((file) => !file.startsWith("web/text/"));
  const long = bounded.filter((file) => readFileSync(join(ROOT, file), "utf8").split("\n").length > 201);
  expect(long).toEqual([]);
});

test("every file in routes/ is registered in app.ts, at the path that its place says", async () => {
  const imported = importsOf("app.ts");
  expect(imported.filter((path) => partOf(path) === "routes").sort()).toEqual(routes.toSorted());
  const { app } = await import("../app.ts"); // here, so that the test above reports a wrong import first
  const served = new Set(app.routes.map(({ method, path }) => `${method} ${path}`));
  for (const file of routes) {
    const address = file.replace(/^routes|(\/index)?\.ts$/g, "").replace(/\[(\w+)\]/g, ":$1");
    const { default: route } = await import(join(ROOT, file));
    expect(route.routes.length).toBeGreaterThan(0);
    expect(Object.hasOwn(route, "fetch")).toBe(true); // `deno serve FILE` requires it
    for (const { method, path } of route.routes) {
      expect(path === address || path.startsWith(`${address}/`), `${file} answers ${path}`).toBe(true);
      expect(served).toContain(`${method} ${path}`);
    }
  }
});
