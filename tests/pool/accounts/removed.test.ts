import { expect, test } from "bun:test";
import { countsIn } from "../../../pool/accounts/removed.ts";

const GOOD = "REMOVED processes=1 home=22 files=333 ipc=0 mounts=999999999";
const counts = { processes: 1, homeFiles: 22, sweptFiles: 333, ipc: 0, mounts: 999_999_999 };

test("what a machine counted comes before its last line", () => {
  expect(countsIn([GOOD, "CLEAN ann 20000 0"])).toEqual(counts);
  expect(countsIn(["REMOVED processes=9 home=9 files=9 ipc=9 mounts=9", GOOD, "x", "CLEAN"])).toEqual(counts);
});

test("anything else is no count, and decides nothing", () => {
  for (const lines of [
    [],
    [GOOD],
    ["CLEAN ann 20000 0"],
    [`${GOOD}0`, "CLEAN"],
    [`${GOOD} more`, "CLEAN"],
    [` ${GOOD}`, "CLEAN"],
    [GOOD.replace("=1", "=-1"), "CLEAN"],
    [GOOD.replace("=1", "=1e9"), "CLEAN"],
    [GOOD.replace("=1", "=\u001b[31m1"), "CLEAN"],
  ])
    expect(countsIn(lines)).toBeNull();
});
