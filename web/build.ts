// Builds the dashboard: hashed files in web/dist, each with a precompressed twin, and one page for each line of pages.ts.
// usage: bun web/build.ts [--watch]   (--watch: keeps running, and builds again after each edit)
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  watch,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants } from "node:zlib";
import { PAGES } from "./pages.ts";

const WEB = import.meta.dir;
export const DIST = join(WEB, "dist");
/** An editor writes a file in several steps. */
const SETTLE_MS = 60;

/** Writes a file as a whole: the API may be reading it. Several builds may run at the same time, with the same result. */
function put(name: string, bytes: Uint8Array): string {
  const path = join(DIST, name);
  if (existsSync(path) && readFileSync(path).equals(bytes)) return name;
  const part = `${path}.${process.pid}`;
  writeFileSync(part, bytes);
  renameSync(part, path);
  return name;
}

const squeezed = (bytes: Uint8Array) =>
  brotliCompressSync(bytes, {
    params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length },
  });

/** Builds everything. @returns the names of the files @throws Error with what is wrong in the sources */
export async function build(): Promise<string[]> {
  const built = await Bun.build({
    entrypoints: ["start.tsx", "login/enter.tsx", "style/main.css"].map((name) => join(WEB, name)),
    target: "browser",
    minify: true,
    splitting: true,
    publicPath: "/ui/assets/",
    naming: { entry: "[name]-[hash].[ext]", chunk: "part-[hash].[ext]", asset: "[name]-[hash].[ext]" },
    define: { "process.env.NODE_ENV": '"production"' },
    throw: false,
  });
  if (!built.success) throw new Error(built.logs.map(String).join("\n"));
  mkdirSync(join(DIST, "assets"), { recursive: true });
  const names: string[] = [];
  /** the built name of each entry point, by its own */
  const places: Record<string, string> = {};
  for (const artifact of built.outputs) {
    const name = artifact.path.replace(/^.*\//, "");
    const bytes = new Uint8Array(await artifact.arrayBuffer());
    names.push(put(`assets/${name}`, bytes), put(`assets/${name}.br`, squeezed(bytes)));
    if (artifact.kind !== "chunk") places[name.replace(/-[^-]*$/, "")] = name;
  }
  names.push(put("icon.svg", readFileSync(join(WEB, "icon.svg"))));
  // Last: a page must not name files that aren't there yet.
  const template = readFileSync(join(WEB, "index.html"), "utf8");
  const page = (script: string) => {
    const filled = template.replace("{STYLE}", places.main ?? "").replace("{SCRIPT}", places[script] ?? "");
    return new TextEncoder().encode(filled);
  };
  for (const { path } of PAGES)
    names.push(put(`${path.slice("/ui/".length) || "index"}.html`, page("start")));
  // With a name that no page can have.
  names.push(put("log-in.html", page("enter")));
  const kept = new Set(names);
  for (const entry of readdirSync(DIST, { recursive: true, withFileTypes: true })) {
    const name = join(entry.parentPath, entry.name).slice(DIST.length + 1);
    // Not another build's file that isn't whole yet.
    if (entry.isFile() && !kept.has(name) && !/\.\d+$/.test(name)) rmSync(join(DIST, name), { force: true });
  }
  return names;
}

async function once(): Promise<boolean> {
  const from = performance.now();
  try {
    const names = await build();
    console.log(`web: built ${names.length} files in ${Math.round(performance.now() - from)} ms`);
    return true;
  } catch (error) {
    console.error(`web: ${(error as Error).message}`);
    return false;
  }
}

/** Builds again after each edit, without end. A table of pages that changed needs a process of its own. */
function follow(): void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const soon = (_: unknown, name: string | null) => {
    if (name?.startsWith("dist")) return;
    clearTimeout(timer);
    timer = setTimeout(() => Bun.spawn([process.execPath, "--no-env-file", import.meta.path]), SETTLE_MS);
  };
  for (const folder of [WEB, join(WEB, "../packages")]) watch(folder, { recursive: true }, soon);
}

if (import.meta.main) {
  const following = process.argv.includes("--watch");
  if (!(await once()) && !following) process.exit(1);
  if (following) follow();
}
