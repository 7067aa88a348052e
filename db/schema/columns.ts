import { datetime, varchar } from "drizzle-orm/mysql-core";

/** Every time is UTC and comes from the database (UTC_TIMESTAMP(3)): one clock decides. */
export const time = (name: string) => datetime(name, { fsp: 3, mode: "date" });
/** Ids are made in code, so that a lost COMMIT can be read back. Not CHAR: MariaDB doesn't allow it in a stored column. */
export const id = (name: string) => varchar(name, { length: 36 });

/**
 * What a removal ended and deleted, as the machine counted it. A machine is not trusted: these are for its user's
 * information, and decide nothing.
 */
export interface Counts {
  /** of the account: seen alive when its removal began, or while they were being ended */
  processes: number;
  /** files and folders in the home */
  homeFiles: number;
  /** files and folders everywhere else that its user could write to, with crontabs and the mailbox */
  sweptFiles: number;
  /** shared memory, semaphores and message queues */
  ipc: number;
  mounts: number;
}

/** What is kept about a removal that was proved; null until then, if the machine was removed dirty, and of older ones. */
export interface Proof {
  /** the machine's last word, which decided */
  said: string;
  /** null: the machine did not count */
  counts: Counts | null;
}
