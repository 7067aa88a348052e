import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const read = new Map<string, Uint8Array<ArrayBuffer>>();

/**
 * A file as an answer; it is read once.
 * @param url where it is, as `import.meta.resolve` tells it
 * @param more headers, such as how long it may be kept
 */
export function file(url: string, type: string, more: Record<string, string> = {}): Response {
  let bytes = read.get(url);
  if (!bytes) {
    bytes = new Uint8Array(readFileSync(fileURLToPath(url)));
    read.set(url, bytes);
  }
  return new Response(bytes, { headers: { "Content-Type": type, ...more } });
}
