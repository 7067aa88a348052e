import { expect, test } from "bun:test";
import fc from "fast-check";
import { WhereError } from "../../../pool/planning/tokens.ts";
import { LONGEST_WHERE, where } from "../../../pool/planning/where.ts";

const MACHINES = {
  big: { gpu: "a100", ram: "64", zone: "a", os: "ubuntu" },
  small: { ram: "8.0", zone: "b", os: "alpine" },
  odd: { ram: "much", "fact.os": "debian", "10g": "" },
  bare: {},
};
const matched = (text: string) =>
  Object.entries(MACHINES)
    .filter(([, labels]) => where(text)(labels))
    .map(([name]) => name);

test.each([
  ["gpu", ["big"]],
  ["!gpu", ["small", "odd", "bare"]],
  ["!!gpu", ["big"]],
  ["10g", ["odd"]],
  ['fact.os == "debian"', ["odd"]],
  ["ram >= 8", ["big", "small"]],
  ["ram < 64", ["small"]],
  ["ram>8&&ram<=64", ["big"]],
  ["ram == 8", ["small"]],
  ['ram == "8"', []],
  ['ram == "8.0"', ["small"]],
  ["ram >= -1.5", ["big", "small"]],
  ['zone != "b"', ["big", "odd", "bare"]],
  ['zone && zone != "b"', ["big"]],
  ['os in ["alpine", "debian"]', ["small"]],
  ['ram in [8, "much"]', ["small", "odd"]],
  ['gpu && ram >= 32 && !(zone == "b" || os in ["alpine", "debian"])', ["big"]],
  // && binds tighter than ||
  ['gpu || zone == "b" && os == "none"', ["big"]],
  ['(gpu || zone == "b") && os == "none"', []],
  ["toString || constructor", []],
])("%s", (text, names) => {
  expect(matched(text)).toEqual(names);
});

test.each([
  ["", 1, "expected the name of a label, found the end"],
  ["gpu &&", 7, "expected the name of a label, found the end"],
  ["gpu ram", 5, "expected && or ||, found ram"],
  ["ram = 8", 5, "= is not known here; write =="],
  ["a & b", 3, "& is not known here; write &&"],
  ["zone == b", 9, 'put text in quotes: "b"'],
  ["zone == 'b'", 9, "' is not known here; write \""],
  ['zone == "b', 9, 'this text has no closing "'],
  ['ram > "8"', 7, "only numbers can be compared with < <= > >="],
  ["(gpu", 5, "expected ), found the end"],
  ["gpu)", 4, "expected && or ||, found )"],
  ["os in []", 8, "expected a number or a text in quotes, found ]"],
  ['os in "a"', 7, 'expected [, found "a"'],
  ['os in ["a" "b"]', 12, 'expected , or ], found "b"'],
  ["ram == ", 8, "expected a number or a text in quotes, found the end"],
  ["\u00e9", 1, "\u00e9 is not known here"],
  ["a && \u{1f600}", 6, "\u{1f600} is not known here"],
])("%s is refused at column %i", (text, column, message) => {
  let thrown: unknown;
  try {
    where(text);
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(WhereError);
  expect(thrown).toMatchObject({ column, message });
});

test("long and deep expressions are refused, not run out of stack", () => {
  expect(() => where("(".repeat(LONGEST_WHERE))).toThrow("levels");
  expect(() => where("a".repeat(LONGEST_WHERE + 1))).toThrow("longer than");
  expect(where(`${"!".repeat(LONGEST_WHERE - 1)}a`)({ a: "" })).toBe(false);
});

test("any text is either read or refused with a column inside it", () => {
  const part = fc.constantFrom(
    "gpu",
    "ram",
    "8",
    '"a"',
    "in",
    "[",
    "]",
    "(",
    ")",
    "!",
    "&&",
    "||",
    "==",
    ">",
    ",",
    " ",
    "~",
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
      const text = parts.join("");
      try {
        expect(typeof where(text)({ gpu: "1" })).toBe("boolean");
      } catch (error) {
        expect(error).toBeInstanceOf(WhereError);
        const { column } = error as WhereError;
        expect(column).toBeGreaterThanOrEqual(1);
        expect(column).toBeLessThanOrEqual(text.length + 1);
      }
    }),
    { numRuns: 2000 },
  );
});

/** An expression as a tree, with its text and its meaning written a second time. */
const labelled = fc.record(
  { a: fc.constantFrom("1", "2", "x"), b: fc.constantFrom("1", "2", "x") },
  { requiredKeys: [] },
);
interface Tree {
  text: string;
  holds(labels: { a?: string; b?: string }): boolean;
}
const tree = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 4 },
    fc.tuple(fc.constantFrom("a" as const, "b" as const), fc.constantFrom("1", "2")).map(
      ([name, value]): Tree => ({
        text: `${name} == ${value}`,
        holds: (labels) => labels[name] === value,
      }),
    ),
    fc.constantFrom("a", "b").map((name): Tree => ({ text: name, holds: (labels) => name in labels })),
    tie("tree").map(({ text, holds }): Tree => ({ text: `!(${text})`, holds: (labels) => !holds(labels) })),
    fc.tuple(tie("tree"), tie("tree")).map(
      ([one, other]): Tree => ({
        text: `(${one.text}) && (${other.text})`,
        holds: (labels) => one.holds(labels) && other.holds(labels),
      }),
    ),
    fc.tuple(tie("tree"), tie("tree")).map(
      ([one, other]): Tree => ({
        text: `(${one.text}) || (${other.text})`,
        holds: (labels) => one.holds(labels) || other.holds(labels),
      }),
    ),
  ),
})).tree;

test("an expression means what it says", () => {
  fc.assert(
    fc.property(tree, labelled, ({ text, holds }, labels) => {
      if (text.length > LONGEST_WHERE) return;
      expect(where(text)(labels)).toBe(holds(labels));
    }),
    { numRuns: 1000 },
  );
});
