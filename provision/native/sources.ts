// The program's own copy of its sources. If root starts them, the services run as OS users that can't read this checkout (it
// may be in /root, or made with umask 077), and no mode in it is changed for them: they get a copy, readable by all, of these
// files and no others.
// usage: bun provision/native/sources.ts CHECKOUT COPY [--follow]   (--follow: keeps running, and copies each edit)
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";

const FOLDERS = ["cron", "db", "http", "packages", "pool", "routes", "web"];
/** Besides these, every *.ts in the top folder. */
const FILES = ["package.json", "tsconfig.json", "bunfig.toml"];
/** Starts it under systemd. */
const SCRIPTS = ["provision/native/service.sh"];
/** The kinds of files copied from folders: anything else there isn't ours. */
const KINDS = /\.(ts|tsx|js|css|html|svg|json|sql|sh|br)$/;
const FOLLOW_EVERY_MS = 300;

type Files = Map<string, { size: number; time: number }>;

/** Adds the files in a folder, by their path in the checkout. Links are not followed. */
function addFolder(found: Files, root: string, folder: string): void {
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) addFolder(found, root, path);
    else if (entry.isFile()) addFile(found, root, path);
  }
}

function addFile(found: Files, root: string, path: string): void {
  try {
    const { size, mtimeMs } = statSync(join(root, path));
    // Whole milliseconds, which a copy can keep.
    found.set(path, { size, time: Math.floor(mtimeMs) });
  } catch {
    // An editor is replacing it right now.
  }
}

/** The program's sources, without packages. */
function sources(root: string): Files {
  const found: Files = new Map();
  for (const name of readdirSync(root))
    if (FILES.includes(name) || name.endsWith(".ts")) addFile(found, root, name);
  for (const path of SCRIPTS) addFile(found, root, path);
  for (const folder of FOLDERS) if (existsSync(join(root, folder))) addFolder(found, root, folder);
  for (const path of found.keys()) if (!KINDS.test(path) && !FILES.includes(path)) found.delete(path);
  return found;
}

/** The packages that the program needs to run: those in `dependencies`, and what these need. */
function packages(root: string): string[] {
  const found = new Set<string>();
  const visit = (name: string, from: string) => {
    // Searches like Bun: next to the package that needs it, then further up.
    for (let at = from; ; at = dirname(at)) {
      const place = join(at, "node_modules", name);
      if (existsSync(join(root, place, "package.json"))) {
        if (found.has(place)) return;
        found.add(place);
        const about = JSON.parse(readFileSync(join(root, place, "package.json"), "utf8"));
        const peers = Object.keys(about.peerDependencies ?? {}).filter(
          (one) => !about.peerDependenciesMeta?.[one]?.optional,
        );
        for (const one of Object.keys({ ...about.dependencies, ...about.optionalDependencies }).concat(peers))
          visit(one, place);
        return;
      }
      if (at === ".") return; // optional, or for another system
    }
  };
  const { dependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  for (const name of Object.keys(dependencies)) visit(name, ".");
  // A nested package is copied with the outer one.
  return [...found].filter((place) => place.lastIndexOf("node_modules/") === 0);
}

/** Makes the copy equal to `wanted`, changing only what differs. */
function bring(root: string, copy: string, wanted: Files, here: Files): void {
  for (const [path, { size, time }] of wanted) {
    const has = here.get(path);
    if (has && has.size === size && has.time === time) continue;
    const to = join(copy, path);
    mkdirSync(dirname(to), { recursive: true });
    copyFileSync(join(root, path), to);
    chmodSync(to, path.endsWith(".sh") ? 0o755 : 0o644);
    utimesSync(to, time / 1000, time / 1000);
  }
  for (const path of here.keys()) if (!wanted.has(path)) rmSync(join(copy, path), { force: true });
}

/** Everything in the copy, except packages. */
function inCopy(copy: string): Files {
  const found: Files = new Map();
  for (const entry of readdirSync(copy, { withFileTypes: true }))
    if (entry.isFile()) addFile(found, copy, entry.name);
    else if (entry.name !== "node_modules") addFolder(found, copy, entry.name);
  return found;
}

/** Packages change only with bun.lock, and as a whole. */
function bringPackages(root: string, copy: string): void {
  const lock = Bun.hash(readFileSync(join(root, "bun.lock"))).toString();
  const mark = join(copy, "node_modules/.of");
  if (existsSync(mark) && readFileSync(mark, "utf8") === lock) return;
  rmSync(join(copy, "node_modules"), { recursive: true, force: true });
  for (const place of packages(root)) {
    const found: Files = new Map();
    addFolder(found, root, place);
    bring(root, copy, found, new Map());
  }
  writeFileSync(mark, lock);
}

/** The checksum of the program's sources. */
export function sourceSum(root: string): string {
  const sum = new Bun.CryptoHasher("sha256");
  const paths = [...sources(root).keys(), "bun.lock"].filter((path) => existsSync(join(root, path)));
  for (const path of paths.sort()) sum.update(`${path}\0`).update(readFileSync(join(root, path)));
  return sum.digest("hex");
}

/** Makes the copy, or brings it up to date. */
export function copySources(root: string, copy: string): void {
  const before = process.umask(0o022);
  mkdirSync(copy, { recursive: true });
  bring(root, copy, sources(root), inCopy(copy));
  bringPackages(root, copy);
  process.umask(before);
}

/** Copies each edit, without end. */
async function follow(root: string, copy: string): Promise<never> {
  console.log(`copies what is edited in ${root}`);
  process.umask(0o022);
  for (let failed = false; ; await Bun.sleep(FOLLOW_EVERY_MS))
    try {
      bring(root, copy, sources(root), inCopy(copy));
      failed = false;
    } catch (error) {
      // A file that vanished while being copied, a full disk: the next round tries again.
      if (!failed) console.error(`can't copy: ${(error as Error).message}`);
      failed = true;
    }
}

if (import.meta.main) {
  const [root, copy, option] = process.argv.slice(2);
  if (!root || !copy || (option && option !== "--follow")) {
    console.error("usage: bun provision/native/sources.ts CHECKOUT COPY [--follow]");
    process.exit(2);
  }
  copySources(root, copy);
  if (option) await follow(root, copy);
}
