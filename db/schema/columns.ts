import { datetime, varchar } from "drizzle-orm/mysql-core";

/** Every time is UTC and comes from the database (UTC_TIMESTAMP(3)): one clock decides. */
export const time = (name: string) => datetime(name, { fsp: 3, mode: "date" });
/** Ids are made in code, so that a lost COMMIT can be read back. Not CHAR: MariaDB doesn't allow it in a stored column. */
export const id = (name: string) => varchar(name, { length: 36 });
