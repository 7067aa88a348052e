import { PoolError } from "../../errors.ts";
import type { Wanted } from "../steps/wanted.ts";

/** Names that a request asks for, and that no machine on offer has: a typo, or a machine that was drained. */
export function missingOf({ only }: Wanted, machines: readonly { name: string }[]): string[] {
  if (!only) return [];
  const names = new Set(machines.map(({ name }) => name));
  return only.filter((name) => !names.has(name));
}

/** The refusal of what the pool can't give even when all of its machines are free. @param missing see `missingOf` */
export function neverEnough(message: string, count: number, matching: number, missing: string[]): PoolError {
  const names = missing.map((name) => `'${name}'`).join(", ");
  const why = missing.length > 0 ? `; not in the pool, or drained: ${names}` : "";
  return new PoolError("never_enough", `${message}${why}`, [
    { field: "count", message: `${count} requested, ${matching} match` },
    ...missing.map((name) => ({ field: "machines", message: `'${name}' is not in the pool, or is drained` })),
  ]);
}
