// MariaDB's own settings in the native stack.
import { join } from "node:path";
import type { Places } from "./places.ts";

/** The text of my.cnf. */
export function databaseConf({ inside, sockets }: Places): string {
  const mysql = join(inside, "mysql");
  return `[mariadbd]
datadir = ${mysql}/data
tmpdir = ${mysql}/tmp
socket = ${sockets}/db/mysql.sock
pid-file = ${mysql}/data/mariadbd.pid
init-file = ${mysql}/init.sql
secure-file-priv = ${mysql}/tmp
# Reachable only through the socket; it listens on no port.
skip-networking
skip-name-resolve
local-infile = 0
# As in compose.yml: a commit is on disk before it is confirmed, and all clocks are UTC.
innodb-flush-log-at-trx-commit = 1
default-time-zone = +00:00
character-set-server = utf8mb4
collation-server = utf8mb4_unicode_ci
innodb-buffer-pool-size = 64M
innodb-log-file-size = 16M
max-connections = 300
# Deletes old events, as the owner of the tables.
event-scheduler = ON
performance-schema = OFF
`;
}
