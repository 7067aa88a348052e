// A setting is one line in settings.ts; the other places that must name it are checked against that.
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { TSchema } from "typebox";
import Value from "typebox/value";
import { MAINTENANCE, PROGRAM, type Setting } from "../../settings.ts";

const read = (file: string) => readFileSync(join(import.meta.dir, "../..", file), "utf8");
/** Each variable once; its default is "" if there is none. */
const VARIABLES = [
  ...new Map(
    [PROGRAM, MAINTENANCE]
      .flatMap((areas) =>
        Object.values<Record<string, Setting<TSchema>>>(areas).flatMap(Object.values<Setting<TSchema>>),
      )
      .map(({ env, type, secret }) => [
        env,
        { env, fallback: `${Value.Default(type, undefined) ?? ""}`, secret },
      ]),
  ).values(),
];
const names = VARIABLES.map(({ env }) => env);

test(".env.example has every variable that the program reads, with its default", () => {
  const example = new Map(
    [...read(".env.example").matchAll(/^#?([A-Z][A-Z0-9_]*)=(.*)$/gm)].map(([, name, value]) => [
      name,
      value,
    ]),
  );
  expect(names.length).toBeGreaterThan(20);
  expect(names.filter((name) => !example.has(name))).toEqual([]);
  for (const { env, fallback, secret } of VARIABLES) {
    if (secret) expect(example.has(`${env}_FILE`), `${env}_FILE`).toBe(true);
    if (fallback !== "") expect(`${env}=${example.get(env)}`).toBe(`${env}=${fallback}`);
  }
});

/** What compose.yml itself decides, or only one container gets. */
const OF_COMPOSE = ["HOST", "PORT", "PUBLISH_ADDRESS", "SCHEDULER", "DATABASE_OWNER_URL", "EVENTS_DAYS"];

test("compose.yml passes on every other setting, secrets as files", () => {
  const [, shared = ""] = /x-environment: &environment\n((?: {2}.*\n)+)/.exec(read("compose.yml")) ?? [];
  const handed = [...shared.matchAll(/^ {2}([A-Z_]+):/gm)].map(([, name]) => name);
  const wanted = VARIABLES.filter(({ env }) => !OF_COMPOSE.includes(env)).map(({ env, secret }) =>
    secret ? `${env}_FILE` : env,
  );
  expect(handed.sort()).toEqual(wanted.sort());
  for (const name of OF_COMPOSE) expect(read("compose.yml")).toMatch(new RegExp(`^ +${name}(_FILE)?:`, "m"));
});
