import { eq } from "drizzle-orm";
import type { Db, Tx } from "../../../db/client.ts";
import { series } from "../../../db/schema/series.ts";
import { PoolError } from "../../errors.ts";
import type { Admitted } from "../steps/admit.ts";
import type { SeriesRow } from "./recall.ts";

/** What a repeated request must say again. Its password can't be compared: it is kept sealed, if at all. */
const SAME = [
  "username",
  "rrule",
  "startsLocal",
  "timeZone",
  "durationMinutes",
  "count",
  "whereLabels",
  "onlyMachines",
  "exceptMachines",
  "exceptDates",
  "onConflict",
] as const satisfies (keyof SeriesRow)[];
type Asked = Pick<SeriesRow, (typeof SAME)[number]>;

/**
 * The id of a new series. With an Idempotency-Key it follows from that (and the user): a UUID of version 8, RFC 9562
 * section 5.8.
 */
export function idOf({ idempotencyKey }: Admitted): string {
  if (idempotencyKey === null) return crypto.randomUUID();
  const hex = (from: number, to: number) => idempotencyKey.slice(from, to);
  return [hex(0, 8), hex(8, 12), `8${hex(13, 16)}`, `a${hex(17, 20)}`, hex(20, 32)].join("-");
}

/**
 * Whether a series with this id has been made, by an earlier request with the same Idempotency-Key.
 * @throws PoolError idempotency_key_reused when that request was another
 */
export async function isMade(tx: Pick<Db | Tx, "select">, id: string, asked: Asked): Promise<boolean> {
  const [made] = await tx.select().from(series).where(eq(series.id, id));
  if (!made) return false;
  const told = (one: Asked) => JSON.stringify(SAME.map((name) => one[name]));
  if (told(made) !== told(asked))
    throw new PoolError(
      "idempotency_key_reused",
      "This Idempotency-Key was used for a different request; use a new one",
    );
  return true;
}
