// Who follows the events is told each of them once, whatever the others and the database do. On a real database.
import { afterAll, beforeAll, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { openDatabase } from "../../../db/client.ts";
import { type Follower, follow, newFollowing } from "../../../pool/audit/follow.ts";
import { type Seen, seenBy } from "../../../pool/audit/tail.ts";
import { type StubPool, startStubPool } from "../../support/stub_pool.ts";
import { until } from "../../support/until.ts";

setDefaultTimeout(30_000);

let pool: StubPool;
let said: string[];
let deps: Parameters<typeof follow>[0];
beforeAll(async () => {
  pool = await startStubPool(0);
});
afterAll(() => pool?.stop());
beforeEach(() => {
  said = [];
  deps = { db: pool.deps.db, following: newFollowing(), log: (_, line) => said.push(line) };
});

const insert = (...objects: string[]) =>
  pool.sql(
    `INSERT INTO events (at, actor, address, request_id, action, object, details) VALUES ${objects.map(() => "(UTC_TIMESTAMP(3), '', '', '', 'x', ?, '{}')").join(", ")}`,
    objects,
  );

interface Reader extends Follower {
  objects: string[];
  cursor: string;
  resets: number;
}
const newReader = (onSee = () => {}): Reader => ({
  objects: [],
  cursor: "",
  resets: 0,
  see(told, cursor) {
    onSee();
    this.objects.push(...told.map(({ row }) => row.object));
    this.cursor = cursor;
  },
  reset(cursor) {
    this.resets++;
    this.cursor = cursor;
  },
});
const ready = (reader: Reader) => until("it follows", 5000, () => reader.cursor !== "", 10);
const told = (reader: Reader, object: string) =>
  until(`it was told ${object}`, 5000, () => reader.objects.includes(object), 10);
/** The number of statements until `end` is called. */
function counted() {
  const { execute, query } = pool.deps.database.pool;
  let statements = 0;
  const count = (work: typeof query) =>
    ((...all: Parameters<typeof query>) => {
      statements++;
      return work.apply(pool.deps.database.pool, all);
    }) as typeof query;
  Object.assign(pool.deps.database.pool, { execute: count(execute as typeof query), query: count(query) });
  return () => {
    Object.assign(pool.deps.database.pool, { execute, query });
    return statements;
  };
}

test("one that can't be told any more keeps no others from it, and is told nothing again", async () => {
  let tries = 0;
  const broken = newReader(() => {
    if (++tries > 1) throw new TypeError("its stream is closed");
  });
  const other = newReader();
  const leave = [follow(deps, broken), follow(deps, other)];
  await ready(other);
  await insert("one");
  await told(other, "one");
  await insert("two");
  await told(other, "two");
  expect(tries).toBe(2);
  expect(said).toEqual([]);
  for (const end of leave) end();
});

test("one that leaves while it catches up is told nothing, and the others are", async () => {
  const first = newReader();
  const end = follow(deps, first);
  await ready(first);
  const from = seenBy(first.cursor) as Seen;
  await insert("missed");
  await told(first, "missed");
  const [gone, stays] = [newReader(), newReader()];
  // It leaves between the question for what it missed and the answer.
  let asked = 0;
  const db = new Proxy(deps.db, {
    get(target, name) {
      // The first is for what is new to all.
      if (name === "select" && deps.following.joining.has(gone) && ++asked === 2)
        queueMicrotask(() => leave());
      return Reflect.get(target, name);
    },
  });
  deps.db = db;
  const leave = follow(deps, gone, from);
  const endOther = follow(deps, stays, from);
  await told(stays, "missed");
  await insert("next");
  await told(stays, "next");
  expect([gone.objects, gone.cursor]).toEqual([[], ""]);
  expect(asked).toBe(2);
  expect(stays.objects).toEqual(["missed", "next"]);
  for (const one of [end, endOther]) one();
  await until("nobody asks any more", 5000, () => deps.following.timer === undefined, 10);
});

test("a thousand that come back at once are one question, and those who missed too much load it all", async () => {
  const first = newReader();
  const end = follow(deps, first);
  await ready(first);
  const from = seenBy(first.cursor) as Seen;
  await insert("missed");
  await told(first, "missed");
  const statements = counted();
  const readers = Array.from({ length: 1000 }, newReader as () => Reader);
  const ends = readers.map((reader) => follow(deps, reader, { ...from }));
  for (const reader of readers) await told(reader, "missed");
  const asked = statements();
  expect(asked).toBeGreaterThan(1);
  expect(asked).toBeLessThan(20);
  await insert(...Array.from({ length: 1001 }, (_, n) => `many-${n}`));
  await told(first, "many-1000");
  const late = newReader();
  ends.push(end, follow(deps, late, from));
  await ready(late);
  expect([late.resets, late.objects]).toEqual([1, []]);
  await insert("after");
  for (const reader of [...readers, late]) await told(reader, "after");
  expect(readers.every(({ objects }) => new Set(objects).size === objects.length)).toBe(true);
  for (const one of ends) one();
});

test("one that is further on than the database, which was restored, is to load everything, and is told what comes then", async () => {
  const reader = newReader();
  const end = follow(deps, reader, { max: 1_000_000_000, missing: [] });
  await ready(reader);
  expect([reader.resets, reader.objects]).toEqual([1, []]);
  await insert("after it");
  await told(reader, "after it");
  end();
});

test("a database that goes away for a while: nothing is lost, and the log says it once", async () => {
  const reader = newReader();
  const end = follow(deps, reader);
  await ready(reader);
  const gone = openDatabase("mysql://root@localhost/none?socketPath=/nonexistent/socket");
  deps.db = gone.db;
  await until("it was noticed", 5000, () => said.length > 0);
  const late = newReader();
  const endLate = follow(deps, late, seenBy(reader.cursor));
  await insert("meanwhile");
  let looks = 0;
  deps.db = new Proxy(gone.db, {
    get(target, name) {
      if (name === "select") looks++;
      return Reflect.get(target, name);
    },
  });
  await until("it has tried again", 10_000, () => looks > 1);
  deps.db = pool.deps.db;
  await told(reader, "meanwhile");
  await told(late, "meanwhile");
  expect([reader.objects, late.objects]).toEqual([["meanwhile"], ["meanwhile"]]);
  expect(said).toEqual(["the events can't be read"]);
  for (const one of [end, endLate]) one();
  await gone.close();
});
