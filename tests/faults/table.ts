// What the suite did: fault, how often it was injected, what was broken. Printed when the test process ends.
import { appendFileSync } from "node:fs";

interface Row {
  fault: string;
  times: number;
  violations: number;
  note: string;
}

// One table for all files, even if a file gets modules of its own.
const shared = globalThis as { faultTable?: Row[] };
if (!shared.faultTable) {
  shared.faultTable = [];
  process.once("exit", () => console.log(printTable()));
}
const rows = shared.faultTable;

/** A number that a run can be repeated with. */
export const SEED = Number(process.env.FAULT_SEED ?? 20261123);
/** `just test-faults --long`: more rounds. */
export const LONG = process.env.FAULT_LONG === "1";
/** How many rounds: the usual number, or ten times as many. */
export const rounds = (usual: number) => (LONG ? usual * 10 : usual);

/** Adds to the row of a fault. @param note the last one given is shown: a time, a ratio */
export function injected(fault: string, times: number, violations: string[], note = ""): void {
  let row = rows.find((one) => one.fault === fault);
  if (!row) {
    row = { fault, times: 0, violations: 0, note: "" };
    rows.push(row);
  }
  row.times += times;
  row.violations += violations.length;
  if (note) row.note = note;
}

export function printTable(): string {
  const width = Math.max(5, ...rows.map((row) => row.fault.length));
  const line = (a: string, b: string, c: string, d: string) =>
    `| ${a.padEnd(width)} | ${b.padStart(8)} | ${c.padStart(10)} | ${d}`;
  const sum = (of: (row: Row) => number) => rows.reduce((all, row) => all + of(row), 0);
  const total = {
    fault: "all",
    times: sum((row) => row.times),
    violations: sum((row) => row.violations),
    note: "",
  };
  const text = [
    "",
    `faults, seed ${SEED}`,
    line("fault", "injected", "violations", "|"),
    `|${"-".repeat(width + 2)}|---------:|-----------:|---|`,
    ...[...rows, total].map((row) =>
      line(row.fault, String(row.times), String(row.violations), row.note ? `${row.note} |` : "|"),
    ),
    "",
  ].join("\n");
  if (process.env.FAULT_TABLE) appendFileSync(process.env.FAULT_TABLE, text);
  return text;
}

/** Numbers from a seed (mulberry32), so that a run can be repeated. */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let n = Math.imul(state ^ (state >>> 15), state | 1);
    n ^= n + Math.imul(n ^ (n >>> 7), n | 61);
    return ((n ^ (n >>> 14)) >>> 0) / 4_294_967_296;
  };
}
