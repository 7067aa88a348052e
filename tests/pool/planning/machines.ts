// Machines for the property tests.
import fc from "fast-check";

/** A few, named m0, m1, …: with small whole numbers instead of milliseconds, a brute force can try each time. */
export const machines = fc
  .array(
    fc.record({
      freeFrom: fc.integer({ min: -5, max: 30 }),
      turnaround: fc.integer({ min: 0, max: 3 }),
      uncertain: fc.boolean(),
    }),
    { minLength: 1, maxLength: 5 },
  )
  .map((all) => all.map((one, n) => ({ ...one, id: `m${n}`, name: `m${n}`, labels: {} })));
