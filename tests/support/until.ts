/**
 * Polls until `check` returns something truthy.
 * @param what for the error message
 * @returns what `check` returned
 * @throws Error when the deadline has passed, with the last error that `check` threw, if any
 */
export async function until<T>(
  what: string,
  milliseconds: number,
  check: () => Promise<T> | T,
  every = 50,
): Promise<NonNullable<T>> {
  const deadline = performance.now() + milliseconds;
  for (;;) {
    const found = await check();
    if (found) return found;
    if (performance.now() > deadline) throw new Error(`not within ${milliseconds} ms: ${what}`);
    await Bun.sleep(every);
  }
}
