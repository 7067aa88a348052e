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

/** How much of what a test printed before it failed is worth repeating. */
const LINES = 25;
const ENDED = /^\s*\((pass|fail|skip|todo)\) /;

/** What each test that failed printed last, and its name, according to bun's output; each once, although bun lists them again. */
export function failuresOf(text: string): string[] {
  const found = new Map<string, string>();
  let from = 0;
  const lines = Bun.stripANSI(text).split("\n");
  for (const [n, line] of lines.entries()) {
    if (!ENDED.test(line)) continue;
    const name = line.trim();
    if (name.startsWith("(fail)") && !found.has(name))
      found.set(name, lines.slice(Math.max(from, n - LINES), n + 1).join("\n"));
    from = n + 1;
  }
  return [...found.values()];
}

/** `N passed, N failed`, and how many were skipped, if any were. */
export const summary = ({ passed, failed, skipped }: Counts): string =>
  `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
