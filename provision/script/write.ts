// Writes files atomically, and private until they have their final mode.
import { chmodSync, closeSync, fsyncSync, openSync, renameSync, writeFileSync } from "node:fs";

function replace(file: string, text: string | Uint8Array, mode: number, durably: boolean): void {
  const next = `${file}.new`;
  const fd = openSync(next, "w", 0o600);
  try {
    writeFileSync(fd, text);
    if (durably) fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  chmodSync(next, mode);
  renameSync(next, file);
}

/** Writes a file, completely or not at all. */
export const writeWhole = (file: string, text: string | Uint8Array, mode = 0o600): void =>
  replace(file, text, mode, false);

/** The same, and on disk when this returns. */
export const writeDurably = (file: string, text: string, mode = 0o600): void =>
  replace(file, text, mode, true);
