// The last line of `.ci/run` is the sum of bun's summaries.
import { expect, test } from "bun:test";
import { countsOf, failuresOf, summary } from "../../provision/checks/counts.ts";

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

test("what failed is shown once, with what it printed last", () => {
  const text = [
    "a.test.ts:",
    "(pass) one [1.00ms]",
    "error: \u001b[31mnot 2\u001b[0m",
    "(fail) two [3.00ms]",
    "1 tests failed:",
    "(fail) two [3.00ms]",
  ];
  expect(failuresOf(text.join("\n"))).toEqual(["error: not 2\n(fail) two [3.00ms]"]);
  const long = Array.from({ length: 100 }, (_, n) => `line ${n}`);
  expect(
    failuresOf([...long, "(fail) three"].join("\n"))
      .join()
      .split("\n")
      .slice(0, 2),
  ).toEqual(["line 75", "line 76"]);
});
