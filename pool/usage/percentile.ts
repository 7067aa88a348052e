/** A percentile by nearest rank, of values in any order; null if there are none. @param part 0.5 is the median */
export function percentileOf(values: readonly number[], part: number): number | null {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.max(0, Math.ceil(sorted.length * part) - 1)] ?? null;
}
