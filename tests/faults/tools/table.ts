// What the suite did: fault, how often it was injected, violations.
import { appendFileSync, readFileSync } from "node:fs";

interface Row {
  fault: string;
  times: number;
  violations: number;
  note: string;
}

/** A seed with which a run can be repeated. */
export const SEED = Number(process.env.FAULT_SEED ?? 20261123);
/** The usual number of rounds, seconds or milliseconds, or so many times more of them: `just test-faults --long`. */
export const more = (usual: number, times = 10) => (process.env.FAULT_LONG === "1" ? usual * times : usual);

/**
 * Adds to the row of a fault; prints it at once, and to the file that FAULT_TABLE names, for the table at the end of
 * `just test-faults` (bun test has no hook for the end of a run).
 * @param note the last one is shown: a time, a ratio
 */
export function injected(fault: string, times: number, violations: string[], note = ""): void {
  const row: Row = { fault, times, violations: violations.length, note };
  console.log(`fault: ${fault}: ${times} injected, ${row.violations} violations${note ? `, ${note}` : ""}`);
  if (process.env.FAULT_TABLE) appendFileSync(process.env.FAULT_TABLE, `${JSON.stringify(row)}\n`);
}

/** The table of a run, in Markdown, from the file that FAULT_TABLE named. */
function tableOf(file: string): string {
  const rows = new Map<string, Row>();
  const all: Row = { fault: "all", times: 0, violations: 0, note: "" };
  for (const text of readFileSync(file, "utf8").split("\n").filter(Boolean)) {
    const { fault, times, violations, note } = JSON.parse(text) as Row;
    const row = rows.get(fault) ?? { fault, times: 0, violations: 0, note: "" };
    for (const one of [row, all]) {
      one.times += times;
      one.violations += violations;
    }
    row.note = note || row.note;
    rows.set(fault, row);
  }
  const line = ({ fault, times, violations, note }: Row) =>
    `| ${fault} | ${times} | ${violations} | ${note} |`;
  return [
    "| broken on purpose | times | violations | |",
    "|---|---:|---:|---|",
    ...[...[...rows.values()].sort((a, b) => a.fault.localeCompare(b.fault)), all].map(line),
  ].join("\n");
}

if (import.meta.main) console.log(`\nfaults, seed ${SEED}\n\n${tableOf(process.argv[2] ?? "")}\n`);

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
