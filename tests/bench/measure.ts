// What the benchmarks share: a clock, a median, and what machine this is.
import { cpus, loadavg } from "node:os";

export async function timed(work: () => Promise<unknown>): Promise<number> {
  const from = performance.now();
  await work();
  return performance.now() - from;
}

export function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 ? (sorted[half] ?? 0) : ((sorted[half - 1] ?? 0) + (sorted[half] ?? 0)) / 2;
}

export const milliseconds = (time: number) => `${Math.round(time)} ms`;

/** A number means little without its machine, and other work on it makes it worse. */
export function whatMachine(): string {
  const all = cpus();
  return `${all.length} cores (${all[0]?.model.trim() ?? "unknown"}), load ${loadavg()[0]?.toFixed(1)}`;
}
