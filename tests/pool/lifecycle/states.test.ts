// One file spells the states; the transitions are complete, and the docs show them.
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { MACHINE_STATES } from "../../../db/schema/pool.ts";
import { RESERVATION_STATES } from "../../../db/schema/reservations.ts";
import { MACHINE_MOVES, RESERVATION_MOVES } from "../../../pool/lifecycle/states.ts";

const ROOT = join(import.meta.dir, "../../..");
const SPELL_THEM = ["pool/lifecycle/states.ts", "db/schema/pool.ts", "db/schema/reservations.ts"];

test("no other file of the program spells a state", () => {
  // A machine may also have the fault `failed`; and routes are named by their paths.
  const names = [...MACHINE_STATES, ...RESERVATION_STATES].filter((name) => name !== "failed").join("|");
  const spelled = new RegExp(
    `(?<!\\bElysia\\(\\{ name: )["'\`](${names})["'\`]|\\bstate\\b.{0,12}["'\`]failed["'\`]`,
  );
  for (const line of [
    '"ended"',
    "state = 'active'",
    "`reserved`",
    '{ name: "ending" }',
    'state === "failed"',
  ])
    expect([line, spelled.test(line)]).toEqual([line, true]);
  for (const line of ['new Elysia({ name: "available" })', 'fault === "failed"', '"machine.reserved"'])
    expect([line, spelled.test(line)]).toEqual([line, false]);
  const files = ["*.ts", "{pool,routes,http,cron,db}/**/*.ts"].flatMap((pattern) => [
    ...new Bun.Glob(pattern).scanSync(ROOT),
  ]);
  expect(files.length).toBeGreaterThan(100);
  const lines = files
    .filter((file) => !SPELL_THEM.includes(file))
    .flatMap((file) =>
      readFileSync(join(ROOT, file), "utf8")
        .split("\n")
        .filter((line) => spelled.test(line) && !/^\s*(\/?\*|\/\/)/.test(line))
        .map((line) => `${file}: ${line.trim()}`),
    );
  expect(lines).toEqual([]);
});

test("every state can be reached, and left unless it is final", () => {
  for (const [states, moves, ends] of [
    [MACHINE_STATES, Object.values(MACHINE_MOVES), []],
    [RESERVATION_STATES, Object.values(RESERVATION_MOVES), ["ended", "failed"]],
  ] as const) {
    const [from, to]: [Set<string>, Set<string | null>] = [
      new Set(moves.flatMap((move) => [...move.from])),
      new Set(moves.map((move) => move.to)),
    ];
    // `queued` is for the future.
    const used = states.filter((state) => state !== "queued");
    expect(used.filter((state) => !to.has(state))).toEqual([]);
    expect(used.filter((state) => !from.has(state))).toEqual([...ends]);
  }
});
