import { DatabaseUnavailable, troubleOf } from "../db/errors.ts";

/** Also of a single statement that got no answer. */
const isAway = (error: unknown) => troubleOf(error) === "gone";

export type Coalesced<T> = (work: () => Promise<T>) => Promise<T>;

/**
 * Runs work one at a time: whoever comes during a run shares the next one with all others who came during it. If the
 * database didn't answer that run, they don't wait for it once more: they fail with it.
 * @returns runs the work of the first of them; its result is of a run that started after the call
 */
export function coalesce<T>(): Coalesced<T> {
  let running: Promise<T> | undefined;
  let next: Promise<T> | undefined;
  const begin = (work: () => Promise<T>) => {
    running = work().finally(() => {
      running = undefined;
    });
    return running;
  };
  return (work) => {
    if (!running) return begin(work);
    next ??= running
      .catch((error) => {
        if (!isAway(error)) return;
        next = undefined;
        throw error;
      })
      .then(() => {
        next = undefined;
        return begin(work);
      });
    return next;
  };
}

export type Turns = <T>(work: () => Promise<T>) => Promise<T>;

/**
 * Runs work one at a time, in the order of the calls. If the database doesn't answer one of them, those that have been
 * waiting behind it don't ask it again, one after another: they fail, too.
 */
export function turns(): Turns {
  let last: Promise<unknown> = Promise.resolve();
  let failures = 0;
  return (work) => {
    const before = failures;
    const mine = last.then(() => {
      if (failures > before) throw new DatabaseUnavailable(new Error("it did not answer the one before"));
      return work();
    });
    last = mine.catch((error) => {
      if (isAway(error) && failures === before) failures++;
    });
    return mine;
  };
}
