import { expect, test } from "bun:test";
import { DatabaseUnavailable } from "../../db/errors.ts";
import { coalesce, turns } from "../../pool/turns.ts";

const gone = () => Promise.reject(new DatabaseUnavailable(new Error("no answer")));
/** As a single statement fails. */
const silent = () =>
  Promise.reject(Object.assign(new Error("no answer"), { code: "PROTOCOL_SEQUENCE_TIMEOUT" }));

test("turns run one at a time, in order, also after one that failed", async () => {
  const take = turns();
  const done: number[] = [];
  const one = (n: number) =>
    take(async () => {
      await Bun.sleep(2);
      done.push(n);
      if (n === 2) throw new Error("two");
      return n;
    });
  const all = await Promise.allSettled([1, 2, 3].map(one));
  expect(all.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  expect(done).toEqual([1, 2, 3]);
});

test("whoever waits behind one that the database did not answer fails with it; who comes later asks again", async () => {
  const take = turns();
  let asked = 0;
  const ask = () => take(async () => ++asked);
  const all = await Promise.allSettled([take(gone), ask(), ask(), take(gone)]);
  expect(all.map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected", "rejected"]);
  expect(asked).toBe(0);
  expect(await ask()).toBe(1);
});

test("whoever comes during a run shares the next one", async () => {
  const run = coalesce<number>();
  let runs = 0;
  const work = async () => {
    await Bun.sleep(5);
    return ++runs;
  };
  expect(await Promise.all([run(work), run(work), run(work)])).toEqual([1, 2, 2]);
});

test("whoever comes during a run that the database does not answer fails with it; the next one runs", async () => {
  for (const away of [gone, silent]) {
    const run = coalesce<number>();
    const all = await Promise.allSettled([run(away), run(async () => 1)]);
    expect(all.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect(await run(async () => 2)).toBe(2);
  }
});
