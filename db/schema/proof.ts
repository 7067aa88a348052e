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

/** What is kept about a removal that was proved. */
export interface Proof {
  /** the machine's last word, which decided */
  said: string;
  /** null: the machine did not count */
  counts: Counts | null;
}
