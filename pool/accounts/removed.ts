import type { Counts } from "../../db/schema/columns.ts";

const LINE = /^REMOVED processes=(\d{1,9}) home=(\d{1,9}) files=(\d{1,9}) ipc=(\d{1,9}) mounts=(\d{1,9})$/;

/** What a machine says, before its last line, that it removed. @returns null when it doesn't say it */
export function countsIn(lines: readonly string[]): Counts | null {
  const said = lines.slice(0, -1).map((line) => LINE.exec(line));
  const last = said.findLast((one) => one !== null);
  if (!last) return null;
  const [processes = 0, homeFiles = 0, sweptFiles = 0, ipc = 0, mounts = 0] = last.slice(1).map(Number);
  return { processes, homeFiles, sweptFiles, ipc, mounts };
}
