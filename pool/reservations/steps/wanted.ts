import { invalid } from "../../errors.ts";
import { readWhere } from "../../machines/where.ts";
import { type Labels, where } from "../../planning/where.ts";

/** Which machines a request may have. */
export interface Wanted {
  /** a label expression; null: any */
  where: string | null;
  /** only these, by name; null: any */
  only: readonly string[] | null;
  /** not these, by name */
  except: readonly string[] | null;
}

export const ANY: Wanted = { where: null, only: null, except: null };

/** Whether every machine will do: then none needs to be looked at. */
export const isAny = (wanted: Wanted) => Object.values(wanted).every((part) => part === null);

/** A pure function that tells whether a request may have a machine. @throws WhereError */
export function wants({ where: text, only, except }: Wanted) {
  const matches = text === null ? () => true : where(text);
  const [named, not] = [only && new Set(only), except && new Set(except)];
  return ({ name, labels }: { name: string; labels: Labels }) =>
    (named?.has(name) ?? true) && !not?.has(name) && matches(labels);
}

/** @throws PoolError invalid_request, with the column, for an expression that can't be read; for too few names */
export function checkWanted(wanted: Wanted, count: number): void {
  if (wanted.where !== null) readWhere(wanted.where);
  const { only, except } = wanted;
  const left = only && new Set(only.filter((name) => !except?.includes(name))).size;
  if (left !== null && left < count)
    throw invalid("count", `${count} requested, but \`machines\` names only ${left}`);
}
