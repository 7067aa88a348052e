// Files that are whole at every moment, and closed until they are as open as they should be.
import { chmodSync, closeSync, fsyncSync, openSync, renameSync, writeFileSync } from "node:fs";

/** Writes a file, all of it or nothing. */
export function writeWhole(file: string, text: string | Uint8Array, mode = 0o600): void {
  const next = `${file}.new`;
  writeFileSync(next, text, { mode: 0o600 });
  chmodSync(next, mode);
  renameSync(next, file);
}

/** The same, and it is on the disk when this returns. */
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
