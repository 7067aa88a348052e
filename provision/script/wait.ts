/** Waits for a condition. @returns whether it came true */
export async function waitFor(
  what: () => boolean | Promise<boolean>,
  milliseconds: number,
  every = 50,
): Promise<boolean> {
  const deadline = performance.now() + milliseconds;
  while (!(await what())) {
    if (performance.now() > deadline) return false;
    await Bun.sleep(every);
  }
  return true;
}
