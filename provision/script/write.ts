// Writes files atomically, and private until they have their final mode.
import { chmodSync, closeSync, fsyncSync, openSync, renameSync, writeFileSync } from "node:fs";

/** Writes a file, completely or not at all. */
export function writeWhole(file: string, text: string | Uint8Array, mode = 0o600): void {
  const next = `${file}.new`;
  writeFileSync(next, text, { mode: 0o600 });
  chmodSync(next, mode);
  renameSync(next, file);
}

/** The same, and on disk when this returns. */
export function writeDurably(file: string, text: string, mode = 0o600): void {
  const next = `${file}.new`;
  const fd = openSync(next, "w", 0o600);
  try {
    writeFileSync(fd, text);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  chmodSync(next, mode);
  renameSync(next, file);
}
