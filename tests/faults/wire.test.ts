// Fault 5, the machine's side of the wire: SSH servers that close or stall at every point of the conversation, lie about what
// they did, send endless output, or are somebody else. None of it may count as success, exceed its time limit, or see a
// password that is not for it.
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { readConfig } from "../../config.ts";
import type { Deps } from "../../deps.ts";
import { build } from "../../deps.ts";
import { accountsOverSsh } from "../../pool/accounts/accounts.ts";
import type { Target } from "../../pool/accounts/connect.ts";
import { type FaultKind, MachineFault } from "../../pool/accounts/faults.ts";
import { PoolError } from "../../pool/errors.ts";
import { OPEN_API } from "../../pool/identity/principal.ts";
import { recover } from "../../pool/lifecycle/recover.ts";
import { retry } from "../../pool/lifecycle/retry.ts";
import { reserve } from "../../pool/reservations/reserve.ts";
import { startPool, type TestPool } from "../support/pool.ts";
import { startProgram } from "../support/program.ts";
import { check, settle } from "./tools/checker.ts";
import { type Behaviour, type FakeMachine, newKey, PLACES, startFake } from "./tools/fake_ssh.ts";
import { injected } from "./tools/table.ts";

setDefaultTimeout(300_000);

const CONNECT = 1;
const STEP = 1;
const accounts = accountsOverSsh(40, CONNECT, undefined, STEP);

interface Case {
  what: string;
  behaviour: Behaviour;
  kind: FaultKind;
}
const BEFORE_LOGIN = new Set(["accept", "version", "kex", "login"]);
const kindAt = (place: string): FaultKind => (BEFORE_LOGIN.has(place) ? "unreachable" : "timeout");
const says = (
  what: string,
  kind: FaultKind,
  text: (truth: string) => string,
  status: number | null = 0,
): Case => ({
  what,
  kind,
  behaviour: { say: (truth) => ({ text: text(truth), status }) },
});
const CASES: Case[] = [
  ...PLACES.map((place) => ({
    what: `closes at ${place}`,
    behaviour: { close: place },
    kind: kindAt(place),
  })),
  ...PLACES.map((place) => ({
    what: `stalls at ${place}`,
    behaviour: { stall: place },
    kind: kindAt(place),
  })),
  { what: "sends lines instead of a version", behaviour: { noise: "hello\r\n" }, kind: "unreachable" },
  { what: "sends zeros instead of a version", behaviour: { noise: "\0".repeat(4096) }, kind: "unreachable" },
  { what: "is a web server", behaviour: { noise: "HTTP/1.1 400 Bad Request\r\n\r\n" }, kind: "unreachable" },
  {
    what: "sends a version and then noise",
    behaviour: { noise: "SSH-2.0-x\r\n\0\0\0\0" },
    kind: "unreachable",
  },
  { what: "talks without end", behaviour: { endless: "stdout" }, kind: "failed" },
  { what: "complains without end", behaviour: { endless: "stderr" }, kind: "failed" },
  says("status 0 and no word", "timeout", () => ""),
  says("status 0 and only a newline", "timeout", () => "\n\n\n"),
  says("status 0 and unexpected words", "timeout", () => "all is well\n"),
  says(
    "status 0 and a line for another name",
    "timeout",
    (truth) => `${truth.replace(/ [a-z0-9-]+ /, " somebody ")}x\n`,
  ),
  says(
    "status 0 and a line for another uid",
    "timeout",
    (truth) => `${/^READY|^SWEPT/.test(truth) ? `${truth.slice(0, 5)} x` : truth.replace(/ \d+/, "$&1")}\n`,
  ),
  says("status 0 and half of the line", "timeout", (truth) => truth.slice(0, 5)),
  says("the right line, and then another", "timeout", (truth) => `${truth}\nand more\n`),
  says("the right line in capitals and blanks", "timeout", (truth) => ` ${truth.toLowerCase()}\n`),
  says("the right line and status 1", "failed", (truth) => `${truth}\n`, 1),
  says("the right line and status 255", "failed", (truth) => `${truth}\n`, 255),
  says("the right line and no status", "timeout", (truth) => `${truth}\n`, null),
  says("the right line, killed by its time limit", "timeout", (truth) => `${truth}\n`, 137),
  says("a failure of a kind that nobody knows", "timeout", () => "FAIL constructor x\n", 1),
  says("a failure without a kind", "timeout", () => "FAIL \n", 1),
  says(
    "control characters",
    "failed",
    () => 'FAIL failed \u001b[2J\u0007\u0000\u202e\u2028{"level":"error"}\n',
    1,
  ),
  says("a failure of 60 000 words", "failed", () => `FAIL failed ${"no ".repeat(19_000)}\n`, 1),
  says("leftovers", "leftovers", () => "FAIL leftovers still there: processes\n", 1),
  says("fenced", "fenced", () => "FAIL fenced 9999999999999\n", 1),
];

const targetOf = (fake: FakeMachine, hostKey: string | null = null): Target => ({
  host: fake.host,
  port: fake.port,
  user: fake.user,
  secret: { kind: "password", value: fake.password },
  hostKey,
});
const ann = () => ({ username: "ann", uid: 20_000, mark: crypto.randomUUID() });
const principal = OPEN_API;
const password = { kind: "password", password: "for ann only" } as const;
const create = (target: Target) => accounts.create(target, 1, ann(), password, 3600);

let key: string;
let pool: TestPool;
beforeAll(async () => {
  key = newKey();
  pool = await startPool(3, { prefix: "wire-" });
});
afterAll(() => pool.stop());

test("every step against every kind of broken server: the right class of fault, in time, never success", async () => {
  const honest = await startFake({ key });
  const target = targetOf(honest);
  expect(await accounts.look(target)).toEqual({
    hostKey: honest.hostKey,
    accounts: 0,
    identity: honest.identity,
    facts: {},
  });
  await create(target);
  expect((await accounts.look(target)).accounts).toBe(1);
  await accounts.clean(target, 1, ann());
  honest.stop();

  const violations: string[] = [];
  let times = 0;
  const limit = (CONNECT + STEP + 2) * 1000 + 1500;
  const one = async (
    { what, behaviour, kind }: Case,
    name: string,
    step: (target: Target) => Promise<unknown>,
  ) => {
    const fake = await startFake({ key });
    fake.behaviour = behaviour;
    times++;
    const from = performance.now();
    const got = await step(targetOf(fake, fake.hostKey)).then(
      () => "success",
      (error) => error,
    );
    const milliseconds = performance.now() - from;
    fake.stop();
    if (!(got instanceof MachineFault)) violations.push(`${name}, ${what}: ${got}`);
    else if (got.kind !== kind)
      violations.push(`${name}, ${what}: ${got.kind} (${got.message}), not ${kind}`);
    else if (/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(got.message) || got.message.length > 300)
      violations.push(`${name}, ${what}: its words reach us as they are`);
    if (milliseconds > limit) violations.push(`${name}, ${what}: took ${milliseconds.toFixed(0)} ms`);
  };
  // Noise keeps a processor busy, here also ours: run those one at a time.
  const [loud, quiet] = [
    CASES.filter(({ behaviour }) => behaviour.noise || behaviour.endless),
    CASES.filter(({ behaviour }) => !behaviour.noise && !behaviour.endless),
  ];
  const steps: [string, (target: Target) => Promise<unknown>][] = [
    ["create", create],
    ["clean", (to) => accounts.clean(to, 1, ann())],
    ["clean of nobody", (to) => accounts.clean(to, 1, null)],
    ["look", (to) => accounts.look(to)],
    ["sweep", (to) => (to ? accounts.sweep(to, 1, null) : accounts.look(to))],
  ];
  for (const [name, step] of steps) {
    // A sweep may take a quarter of an hour, so don't wait for its stalls after the login.
    const these = quiet.filter(
      ({ kind, behaviour }) => name !== "sweep" || !behaviour.stall || kind === "unreachable",
    );
    await Promise.all(these.map((it) => one(it, name, step)));
    if (name === "create" || name === "look") for (const it of loud) await one(it, name, step);
  }
  injected("5 a server that closes, stalls or lies", times, violations);
  expect(violations).toEqual([]);
});

test("no password for a server with a different host key, and none before the key is verified", async () => {
  const violations: string[] = [];
  const fake = await startFake({ key });
  const { hostKey } = await accounts.look(targetOf(fake));
  expect(fake.offers.map(({ method }) => method)).toContain("password");
  fake.offers.length = 0;
  fake.changeKey();
  const all = [
    create(targetOf(fake, hostKey)),
    accounts.look(targetOf(fake, hostKey)),
    accounts.clean(targetOf(fake, hostKey), 1, ann()),
  ];
  for (const work of all) {
    const got = await work.catch((error) => error);
    if (got?.kind !== "host_key") violations.push(`${got?.kind ?? "success"}, not host_key`);
  }
  // Even if the pinned key is of a type that the server doesn't have.
  const rsa = await create(targetOf(fake, "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQ==")).catch(
    (error) => error,
  );
  if (!(rsa instanceof MachineFault)) violations.push("success with a key of another type");
  // At registration with a host key: the admin's key counts, not that of the host that answers.
  const registered = await pool.register({ ...fake, name: "impostor" } as never, { host_key: hostKey });
  expect([registered.status, registered.body.state, registered.body.fault]).toEqual([
    201,
    "quarantined",
    "host_key",
  ]);
  if (fake.connections < 5) violations.push(`only ${fake.connections} connections`);
  for (const { method } of fake.offers) violations.push(`a login by ${method} was offered to a stranger`);
  await pool.sql("DELETE FROM machines WHERE name = 'impostor'");
  fake.stop();
  injected("5 changed host key", 5, violations);
  expect(violations).toEqual([]);
});

test("a reservation that meets broken machines gets good ones or a clear no; nothing is stuck, nothing dirty is offered", async () => {
  const base = build(readConfig(pool.settings));
  const quiet: Deps["log"] = () => {};
  // The program's own verbs, with limits that a test can wait for.
  const deps: Deps = {
    ...base,
    accounts: accountsOverSsh(40, 3, undefined, 3),
    leaseSeconds: 30,
    log: quiet,
  };
  // Without those that keep our own processor busy, and so delay the good machines' handshakes.
  const cases = CASES.filter(({ behaviour }) => !behaviour.noise);
  const fakes: FakeMachine[] = [];
  for (const [n] of cases.entries()) fakes.push(await startFake({ key, name: `fake-${n}` }));
  const stranger = await startFake({ key, name: "stranger" });
  const violations: string[] = [];
  for (const fake of [...fakes, stranger])
    if ((await pool.register(fake as never)).body.state !== "available")
      violations.push(`${fake.name} was not registered`);
  // Make sure that the broken ones are claimed first.
  await pool.sql(
    "UPDATE machines SET last_used_at = UTC_TIMESTAMP(3) + INTERVAL 1 HOUR WHERE name LIKE 'wire-%'",
  );
  for (const [n, fake] of fakes.entries()) fake.behaviour = (cases[n] as Case).behaviour;
  stranger.changeKey();
  for (const fake of [...fakes, stranger]) fake.offers.length = 0;

  const names = [...fakes, stranger].map((_, n) => `u${n}`);
  const answers = await Promise.allSettled(
    names.map((username) =>
      reserve(deps, { principal, username, count: 1, durationMinutes: 60, password: "pw" }),
    ),
  );
  let granted = 0;
  for (const answer of answers) {
    if (answer.status === "fulfilled") {
      granted++;
      const { machine } = answer.value.machines[0] ?? { machine: "none" };
      if (!machine.startsWith("wire-")) violations.push(`granted on ${machine}`);
    } else if (!(answer.reason instanceof PoolError) || answer.reason.kind !== "machines_unreachable")
      violations.push(`refused with ${answer.reason}`);
  }
  if (granted !== 3) violations.push(`${granted} of the 3 good machines were given`);

  // While they are broken, nothing that the scheduler tries gets one of them offered.
  for (let round = 0; round < 2; round++) {
    await pool.sql("UPDATE machines SET retry_at = UTC_TIMESTAMP(3) WHERE state = 'quarantined'");
    await recover(deps);
    await retry(deps);
  }
  const rows = await pool.sql("SELECT name, state, fault FROM machines WHERE name NOT LIKE 'wire-%'");
  for (const { name, state, fault } of rows) {
    const wanted = name === "stranger" ? "host_key" : cases[Number(name.slice(5))]?.kind;
    if (state !== "quarantined" || fault !== wanted)
      violations.push(`${name} is ${state} (${fault}), not quarantined (${wanted})`);
  }
  if (stranger.offers.length > 0) violations.push("a login was offered to the stranger");

  // The fault is over: the real scheduler brings back all except the one that needs a person.
  for (const fake of fakes) fake.behaviour = {};
  const scheduler = await startProgram(pool.settings, "scheduler");
  violations.push(...(await settle(pool, true, ["stranger"])), ...(await check(pool)));
  await scheduler.stop();
  await base.database.close();
  for (const fake of [...fakes, stranger]) fake.stop();
  injected(
    "5 broken machines in the pool",
    names.length,
    violations,
    `${granted} granted, ${names.length - granted} answered 503`,
  );
  expect(violations).toEqual([]);
});
