import { users } from "../../db/schema/identity.ts";
import { machines } from "../../db/schema/pool.ts";
import { invalid } from "../errors.ts";
import { labelsAndFacts } from "../machines/labels.ts";
import type { UsageDeps } from "./deps.ts";
import type { Past, PastHold } from "./held.ts";

/** By what usage is added up. */
export const BY = ["user", "label", "day"] as const;
export type By = (typeof BY)[number];

/** Whose row it is. */
export interface Key {
  /** the API user; null: it has none, or none any more. Then the row is about accounts of one name */
  user?: string | null;
  username?: string | null;
  /** of the label; null: machines without it or no longer in the pool, and requests that never had one */
  value?: string | null;
  /** in UTC, such as 2026-11-27 */
  day?: string;
}

/** Which holds of a reservation belong to whom; the words are unique to a key, and sort the rows. */
export type Grouping = (past: Past) => Map<string, PastHold[]>;

async function byUser({ db }: UsageDeps): Promise<Grouping> {
  const rows = await db.select({ id: users.id, name: users.name }).from(users);
  const nameOf = new Map(rows.map(({ id, name }) => [id, name]));
  return ({ userId, username, holds }) => {
    const name = nameOf.get(userId ?? "");
    return new Map([[name === undefined ? `account ${username}` : `user ${name}`, holds]]);
  };
}

/** By the value that the label, or the fact, of their machine has now. */
async function byLabel({ db }: UsageDeps, label: string): Promise<Grouping> {
  const rows = await db
    .select({ id: machines.id, labels: machines.labels, facts: machines.facts })
    .from(machines);
  const wordsOf = new Map<string, string>();
  for (const machine of rows) {
    const value = labelsAndFacts(machine)[label];
    if (value !== undefined) wordsOf.set(machine.id, `value ${value}`);
  }
  return ({ holds }) =>
    holds.length === 0
      ? new Map([["", holds]])
      : Map.groupBy(holds, ({ machineId }) => wordsOf.get(machineId) ?? "");
}

/** @throws PoolError invalid_request for a label that is missing, or has no use */
export async function groupingOf(
  deps: UsageDeps,
  by: Exclude<By, "day">,
  label: string | undefined,
): Promise<Grouping> {
  if (by === "user") return byUser(deps);
  if (label === undefined) throw invalid("label", "is required with by=label");
  return byLabel(deps, label);
}

/** The key that a grouping's words are for. */
export function keyOf(by: Exclude<By, "day">, words: string): Key {
  const name = words.slice(words.indexOf(" ") + 1);
  if (by === "label") return { value: words === "" ? null : name };
  return words.startsWith("user ") ? { user: name, username: null } : { user: null, username: name };
}
