import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const read = new Map<string, Uint8Array<ArrayBuffer>>();

/** A file's content, which is read only once. @param url of the file, from `import.meta.resolve` */
export function contentOf(url: string): Uint8Array<ArrayBuffer> {
  let bytes = read.get(url);
  if (!bytes) {
    bytes = new Uint8Array(readFileSync(fileURLToPath(url)));
    read.set(url, bytes);
  }
  return bytes;
}

/**
 * A response with a file.
 * @param url of the file, from `import.meta.resolve`
 * @param more further headers, such as how long it may be cached
 */
export function file(url: string, type: string, more: Record<string, string> = {}): Response {
  return new Response(contentOf(url), { headers: { "Content-Type": type, ...more } });
}
