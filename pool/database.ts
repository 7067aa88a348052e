import { sql } from "drizzle-orm";
import type { Db } from "../db/client.ts";
import { troubleOf } from "../db/errors.ts";

/** Whether an error means that the database is gone or too busy, so that the request may be repeated later. */
export function isUnavailable(error: unknown): boolean {
  const trouble = troubleOf(error);
  return trouble === "gone" || trouble === "undone";
}

/** @throws when the database doesn't answer */
export async function ping(deps: { db: Db }): Promise<void> {
  await deps.db.execute(sql`SELECT 1`);
}
