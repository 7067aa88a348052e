/**
 * Lets at most `most` calls run at once; the others wait in the order in which they came.
 * @returns a function that runs what it is given when its turn comes
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
      // The place is handed on, so that nobody who comes now overtakes the one who waited.
      const next = waiting.shift();
      if (next) next();
      else running--;
    }
  };
}
