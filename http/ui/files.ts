import { readFileSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** What web/build.ts writes. */
const DIST = fileURLToPath(import.meta.resolve("../../web/dist/"));

type Bytes = Uint8Array<ArrayBuffer>;
const read = new Map<string, { time: number; bytes: Bytes }>();

/** A built file, which is read again once it has changed; undefined if there is none. @param name without `..` */
export function built(name: string): Bytes | undefined {
  const path = DIST + name;
  try {
    const { mtimeMs: time } = statSync(path);
    const known = read.get(name);
    if (known?.time === time) return known.bytes;
    const bytes = new Uint8Array(readFileSync(path));
    read.set(name, { time, bytes });
    return bytes;
  } catch {
    read.delete(name);
    return undefined;
  }
}
