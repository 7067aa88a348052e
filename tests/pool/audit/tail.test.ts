// A reader of the events sees each of them once, in whatever order their transactions commit.
import { expect, setDefaultTimeout, test } from "bun:test";
import fc from "fast-check";
import { cursorOf, LATEST_MS, type Seen, seenBy, Tail } from "../../../pool/audit/tail.ts";

setDefaultTimeout(60_000);

/** What the database has, by the numbers that are committed at a time. */
const isAskedFor = ({ max, missing }: Seen, id: number) => id > max || missing.includes(id);

/** Numbers are given out in order of time, and committed later, or never. */
const histories = fc.array(
  fc.record({
    pause: fc.integer({ min: 0, max: 2000 }),
    commit: fc.option(fc.integer({ min: 0, max: LATEST_MS - 5000 })),
  }),
  { maxLength: 60 },
);
const readers = fc.array(fc.integer({ min: 1, max: 4000 }), { minLength: 1, maxLength: 40 });

interface Made {
  id: number;
  committed: number;
}
function madeOf(history: { pause: number; commit: number | null }[]): Made[] {
  let at = 0;
  return history.map(({ pause, commit }, n) => {
    at += pause;
    return { id: n + 1, committed: commit === null ? Number.POSITIVE_INFINITY : at + commit };
  });
}

test("each event once, whenever it is committed and whenever the reader looks", () => {
  fc.assert(
    fc.property(histories, readers, (history, pauses) => {
      const made = madeOf(history);
      const end = Math.max(
        0,
        ...made.map(({ committed }) => (committed === Number.POSITIVE_INFINITY ? 0 : committed)),
      );
      const tail = new Tail({ max: 0, missing: [] }, 0);
      const seen: number[] = [];
      const look = (at: number) => {
        const has = made.filter(({ committed }) => committed <= at).map(({ id }) => id);
        seen.push(
          ...tail.take(
            has.filter((id) => isAskedFor(tail.seen, id)),
            at,
          ),
        );
      };
      let at = 0;
      for (let n = 0; at <= end; n++) {
        at += pauses[n % pauses.length] ?? 1;
        look(at);
      }
      expect(seen.toSorted((a, b) => a - b)).toEqual(
        made.filter(({ committed }) => committed <= end).map(({ id }) => id),
      );
    }),
  );
});

test("whoever goes on from a cursor, in another process, misses nothing", () => {
  fc.assert(
    fc.property(histories, fc.integer({ min: 0, max: 200_000 }), (history, left) => {
      const made = madeOf(history);
      const committed = (at: number) => made.filter((one) => one.committed <= at).map(({ id }) => id);
      const first = new Tail({ max: 0, missing: [] }, 0);
      const seen = new Set(first.take(committed(left), left));
      const from = seenBy(cursorOf(first.seen)) as Seen;
      for (const id of committed(Number.MAX_SAFE_INTEGER)) if (isAskedFor(from, id)) seen.add(id);
      expect([...seen].sort((a, b) => a - b)).toEqual(committed(Number.MAX_SAFE_INTEGER));
    }),
  );
});

test("a cursor is short, and reads as it was written", () => {
  for (const seen of [
    { max: 0, missing: [] },
    { max: 105, missing: [101, 103] },
  ])
    expect(seenBy(cursorOf(seen))).toEqual(seen);
  const many = Array.from({ length: 5000 }, (_, n) => 2 * n + 11);
  expect(cursorOf({ max: 20_000, missing: many })).toBe("10");
  for (const bad of ["", "x", "-1", "1-", "1-2.", "1 ", "1-2-3", "9".repeat(16), `5-${"1.".repeat(200)}1`])
    expect(seenBy(bad)).toBeUndefined();
});

test("numbers that never come are forgotten, and a jump of many is bounded", () => {
  const tail = new Tail({ max: 0, missing: [] }, 0);
  tail.take([5_000_000], 0);
  expect(tail.seen.missing).toHaveLength(10_000);
  tail.take([], LATEST_MS + 1);
  expect(tail.seen).toEqual({ max: 5_000_000, missing: [] });
});

test("a process that stands still before it reads an answer forgets nothing that comes after the question", () => {
  const tail = new Tail({ max: 0, missing: [] }, 0);
  expect(tail.take([2], 0, 1)).toEqual([2]);
  // The answer is of the time 2, and is read a minute later.
  expect(tail.take([3], 2, LATEST_MS + 5)).toEqual([3]);
  expect(tail.take([1], LATEST_MS + 6)).toEqual([1]);
  // Between the question and the answer, too.
  expect(tail.take([5], LATEST_MS + 7, 2 * LATEST_MS + 9)).toEqual([5]);
  expect(tail.take([4], 2 * LATEST_MS + 10)).toEqual([4]);
});
