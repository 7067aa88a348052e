// The last line of `.ci/run` is the sum of bun's summaries.
import { expect, test } from "bun:test";
import { countsOf, summary } from "../../provision/checks/counts.ts";

const TWO_RUNS = `(pass) the answer has 3 fail in it
\u001b[32m 120 pass\u001b[0m
 2 skip
 0 fail
 310 expect() calls
other words
 5 pass
 1 fail
`;

test("the summaries are added up, ignoring colours, and nothing else is counted", () => {
  expect(countsOf(TWO_RUNS)).toEqual({ passed: 125, failed: 1, skipped: 2 });
  expect(countsOf("")).toEqual({ passed: 0, failed: 0, skipped: 0 });
});

test("the last line mentions skipped tests if there are any", () => {
  expect(summary({ passed: 125, failed: 1, skipped: 2 })).toBe("125 passed, 1 failed, 2 skipped");
  expect(summary({ passed: 3, failed: 0, skipped: 0 })).toBe("3 passed, 0 failed");
});
