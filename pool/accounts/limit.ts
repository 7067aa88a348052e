/**
 * Lets at most `most` calls run at once; the others wait in order of arrival.
 * @returns a function that runs its argument when its turn comes
 */
export function limit(most: number): <T>(work: () => Promise<T>) => Promise<T> {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async (work) => {
    if (running >= most) await new Promise<void>((go) => waiting.push(go));
    else running++;
    try {
      return await work();
    } finally {
      // The slot is handed over directly, so that a new call can't overtake one that was waiting.
      const next = waiting.shift();
      if (next) next();
      else running--;
    }
  };
}
