// Records how states change in a test's database, and compares that with pool/lifecycle/states.ts.
import { MACHINE_MOVES, RESERVATION_MOVES } from "../../pool/lifecycle/states.ts";

interface Move {
  from: readonly string[];
  to: string | null;
}

const KNOWN = Object.entries({ machines: MACHINE_MOVES, reservations: RESERVATION_MOVES }).flatMap(
  ([table, moves]) =>
    Object.values<Move>(moves).flatMap(({ from, to }) => from.map((was) => `${table}: ${was} → ${to}`)),
);

/**
 * From now on, the database records each change of a state, whoever makes it.
 * @param sql runs a statement on that database, as its owner
 * @returns says which changes there were, and which of them states.ts doesn't have
 */
export async function recordMoves(
  // biome-ignore lint/suspicious/noExplicitAny: rows of every shape
  sql: (text: string) => Promise<any[]>,
): Promise<() => Promise<{ made: string[]; unknown: string[] }>> {
  await sql("CREATE TABLE moves (entity VARCHAR(20), was VARCHAR(20), became VARCHAR(20))");
  for (const table of ["machines", "reservations"])
    await sql(
      `CREATE TRIGGER record_${table} AFTER UPDATE ON ${table} FOR EACH ROW
       INSERT INTO moves SELECT '${table}', OLD.state, NEW.state FROM DUAL WHERE OLD.state <> NEW.state`,
    );
  return async () => {
    const rows = await sql("SELECT DISTINCT entity, was, became FROM moves ORDER BY entity, was, became");
    const made = rows.map(({ entity, was, became }) => `${entity}: ${was} → ${became}`);
    return { made, unknown: made.filter((move) => !KNOWN.includes(move)) };
  };
}
