import { PoolError } from "../errors.ts";
import { WhereError } from "../planning/tokens.ts";
import { type Matches, where } from "../planning/where.ts";

/** Reads a label expression. @throws PoolError invalid_request, with the column, for one that can't be read */
export function readWhere(text: string): Matches {
  try {
    return where(text);
  } catch (error) {
    if (!(error instanceof WhereError)) throw error;
    const { column, message } = error;
    throw new PoolError("invalid_request", `where: ${message} (column ${column})`, [
      { field: "where", message, column },
    ]);
  }
}
