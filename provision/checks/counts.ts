// How many tests passed, according to bun's summaries.

export interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

/** Adds up the lines `N pass`, `N fail` and `N skip` of all summaries in a text, ignoring colours and leading blanks. */
export function countsOf(text: string): Counts {
  const sum = (word: string) =>
    [...Bun.stripANSI(text).matchAll(new RegExp(`^\\s*(\\d+)\\s+${word}\\s*$`, "gm"))].reduce(
      (total, [, count]) => total + Number(count),
      0,
    );
  return { passed: sum("pass"), failed: sum("fail"), skipped: sum("skip") };
}

/** `N passed, N failed`, and how many were skipped, if any were. */
export const summary = ({ passed, failed, skipped }: Counts): string =>
  `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
