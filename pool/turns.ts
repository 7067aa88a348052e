export type Coalesced = (work: () => Promise<void>) => Promise<void>;

/**
 * Runs work one at a time: whoever comes during a run shares the next one with all others who came during it.
 * @returns runs the work of the first of them; resolves at the end of a run that started after the call
 */
export function coalesce(): Coalesced {
  let running: Promise<void> | undefined;
  let next: Promise<void> | undefined;
  const begin = (work: () => Promise<void>) => {
    running = work().finally(() => {
      running = undefined;
    });
    return running;
  };
  return (work) => {
    if (!running) return begin(work);
    next ??= running
      .catch(() => {})
      .then(() => {
        next = undefined;
        return begin(work);
      });
    return next;
  };
}

export type Turns = <T>(work: () => Promise<T>) => Promise<T>;

/** Runs work one at a time, in the order of the calls. */
export function turns(): Turns {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const mine = last.then(work);
    last = mine.catch(() => {});
    return mine;
  };
}
