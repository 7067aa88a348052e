// The database that is started for the program: its name and its two database users.
import { Stop } from "../script/say.ts";
import type { Settings } from "../script/settings.ts";

const NAME = "machine_manager";

export interface Passwords {
  program: string;
  owner: string;
}

/** @throws Stop for a password that is missing, or that SQL or a URL would misread */
export function databasePasswords(settings: Settings): Passwords {
  const read = (name: string) => {
    if (/^[A-Za-z0-9_-]+$/.test(settings.get(name))) return settings.get(name);
    throw new Stop(`${name} in .env must be letters, digits, _ and -; make one with: just setup`);
  };
  return { owner: read("DATABASE_OWNER_PASSWORD"), program: read("DATABASE_PASSWORD") };
}

/**
 * Makes the database and its two database users, or gives these the passwords of .env. The program's has no rights: `bun
 * server.ts migrate` grants them, table by table. One statement per line, as MariaDB's init-file requires.
 * @param host where they connect from
 */
export function usersSql(settings: Settings, host: "localhost" | "%"): string {
  const { program, owner } = databasePasswords(settings);
  const users = [
    [`${NAME}_owner@'${host}'`, owner],
    [`${NAME}@'${host}'`, program],
  ].flatMap(([user, password]) =>
    ["CREATE USER IF NOT EXISTS", "ALTER USER"].map((verb) => `${verb} ${user} IDENTIFIED BY '${password}';`),
  );
  return [
    `CREATE DATABASE IF NOT EXISTS ${NAME};`,
    ...users,
    `GRANT ALL ON ${NAME}.* TO ${NAME}_owner@'${host}' WITH GRANT OPTION;`,
    "",
  ].join("\n");
}

/** @param where host and port, and further options of a URL: `localhost/…?socketPath=…` has no port */
export function databaseUrls(settings: Settings, where: { host: string; options?: string }): Passwords {
  const { program, owner } = databasePasswords(settings);
  const url = (user: string, password: string) =>
    `mysql://${user}:${password}@${where.host}/${NAME}${where.options ?? ""}`;
  return { program: url(NAME, program), owner: url(`${NAME}_owner`, owner) };
}
