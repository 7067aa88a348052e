// Nobody can starve others: a simulation with users who ask for as much as they may, all the time.
import { expect, test } from "bun:test";
import fc from "fast-check";
import type { Place, Waiting } from "../../../pool/planning/place.ts";
import { plan } from "../../../pool/planning/plan.ts";

interface Job {
  id: string;
  user: number;
  count: number;
  duration: number;
  arrived: number;
  told: Place | null;
  /** what it was told first */
  promised: number;
}

const MOST_QUEUED = 2;
const TURNAROUND = 1;
const END = 400;

const asks = fc.array(
  fc.record({ count: fc.integer({ min: 1, max: 3 }), duration: fc.integer({ min: 1, max: 30 }) }),
  {
    minLength: 5,
    maxLength: 30,
  },
);

test("whoever waits starts by the time that was told first, and that is bounded by what was before them", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 3, max: 5 }),
      fc.array(asks, { minLength: 2, maxLength: 4 }),
      fc.record({
        at: fc.integer({ min: 0, max: 100 }),
        count: fc.integer({ min: 1, max: 3 }),
        duration: fc.integer({ min: 1, max: 30 }),
      }),
      (size, greedy, modest) => {
        const busy = Array.from({ length: size }, () => 0);
        let queue: Job[] = [];
        let made = 0;
        const next = greedy.map(() => 0);
        let bound = Number.POSITIVE_INFINITY;
        let begun: number | undefined;
        const join = (user: number, count: number, duration: number, now: number) =>
          queue.push({
            id: `${made++}`,
            user,
            count,
            duration,
            arrived: now,
            told: null,
            promised: Number.POSITIVE_INFINITY,
          });
        for (let now = 0; now < END; now++) {
          // The greedy ones fill their part of the queue whenever there is room.
          for (const [user, wanted] of greedy.entries())
            while (queue.filter((job) => job.user === user).length < MOST_QUEUED) {
              const one = wanted[(next[user] as number) % wanted.length] as {
                count: number;
                duration: number;
              };
              next[user] = (next[user] as number) + 1;
              join(user, one.count, one.duration, now);
            }
          if (now === modest.at) {
            const ahead = queue.reduce((sum, job) => sum + job.duration + TURNAROUND, 0);
            bound = Math.max(now, ...busy) + ahead;
            join(-1, modest.count, modest.duration, now);
          }
          const machines = busy.map((freeFrom, n) => ({
            id: `m${n}`,
            name: `m${n}`,
            labels: {},
            freeFrom,
            turnaround: TURNAROUND,
            uncertain: false,
          }));
          const waiting: Waiting[] = queue.map((job) => ({ ...job, floor: 0, matches: () => true }));
          const places = plan(now, machines, [], waiting);
          for (const job of queue) {
            job.told = places.get(job.id) ?? null;
            job.promised = Math.min(job.promised, job.told?.startsAt ?? Number.POSITIVE_INFINITY);
            expect(job.told?.startsAt).toBe(job.promised);
          }
          const due = queue.filter(({ told }) => told !== null && told.startsAt <= now);
          for (const job of due) {
            for (const id of job.told?.machines ?? []) {
              const n = Number(id.slice(1));
              expect(busy[n]).toBeLessThanOrEqual(now);
              busy[n] = now + job.duration + TURNAROUND;
            }
            if (job.user === -1) begun = now;
          }
          queue = queue.filter((job) => !due.includes(job));
          if (begun !== undefined) break;
        }
        expect(begun).toBeDefined();
        expect(begun).toBeLessThanOrEqual(bound);
      },
    ),
    { numRuns: 60 },
  );
}, 60_000);
