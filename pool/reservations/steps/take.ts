import { and, asc, eq, inArray, sql } from "drizzle-orm";
import { inSeconds, now, type Tx } from "../../../db/client.ts";
import { violates } from "../../../db/errors.ts";
import { machines } from "../../../db/schema/pool.ts";
import { holds } from "../../../db/schema/reservations.ts";
import { ourLease } from "../../lifecycle/lease.ts";
import { machineMay, machineMoves } from "../../lifecycle/states.ts";
import type { Machine } from "../../lifecycle/target.ts";
import { labelsAndFacts } from "../../machines/labels.ts";
import type { ReservationsDeps } from "../deps.ts";
import { SLACK } from "../schedule/world.ts";
import { isAny, type Wanted, wants } from "./wanted.ts";

export interface Claim {
  reservationId: string;
  count: number;
  durationMinutes: number;
  /** an end that was planned, to the millisecond: whoever comes next may have been told it; undefined: so many minutes from now */
  until?: Date;
  wanted: Wanted;
  /** the first of its slots; undefined: 1 */
  slot?: number;
}

/** A claim found too few machines. */
export class TooFew extends Error {}

const isOffered = and(machineMay("claim"), eq(machines.drained, false));

/** The end of what starts now, until its accounts work: its time begins only then. */
export const endOf = (minutes: number) => inSeconds(60 * minutes + SLACK / 1000);

/** A condition: the machine is promised to another reservation before this one's end. */
const isPromised = ({ reservationId, durationMinutes, until }: Claim) =>
  sql`EXISTS (SELECT 1 FROM commitments c WHERE c.machine_id = machines.id AND c.reservation_id <> ${reservationId}
    AND c.ends_at > ${now}
    AND c.busy_from < ${until ? sql.param(until, machines.since) : endOf(durationMinutes)} + INTERVAL machines.turnaround_ms * 1000 MICROSECOND)`;

/** A condition: the machine is on offer for the whole of a claim. */
const isFor = (claim: Claim) => and(isOffered, sql`NOT ${isPromised(claim)}`);

/** What a label expression and names are compared with. */
const described = { id: machines.id, name: machines.name, labels: machines.labels, facts: machines.facts };
/** A pure function that tells whether a request may have a machine of the database. */
const mayBe = (wanted: Wanted) => {
  const fits = wants(wanted);
  return (row: Pick<Machine, "name" | "labels" | "facts">) =>
    fits({ name: row.name, labels: labelsAndFacts(row) });
};

/** How many more machines than needed a claim looks at: others may take some of them. */
const SPARE = 100;

/** The ids of offered machines that a request may have, the longest idle first; undefined: all of them. */
async function mayHave(tx: Tx, claim: Claim): Promise<string[] | undefined> {
  const { wanted, count } = claim;
  if (isAny(wanted)) return undefined;
  const offered = await tx
    .select(described)
    .from(machines)
    .where(isFor(claim))
    .orderBy(asc(machines.lastUsedAt), asc(machines.id));
  const its = offered.filter(mayBe(wanted)).map(({ id }) => id);
  return its.slice(0, count + SPARE);
}

/** The number of machines on offer right now that a request may have. */
async function countOffered({ db }: ReservationsDeps, claim: Claim): Promise<number> {
  if (isAny(claim.wanted)) return db.$count(machines, isFor(claim));
  const offered = await db.select(described).from(machines).where(isFor(claim));
  return offered.filter(mayBe(claim.wanted)).length;
}

/**
 * Takes machines for a reservation inside a transaction: those idle the longest, and not promised to others before its
 * end; all or TooFew.
 */
export async function take(deps: ReservationsDeps, tx: Tx, claim: Claim): Promise<Machine[]> {
  const { count } = claim;
  const among = await mayHave(tx, claim);
  if (among && among.length < count) throw new TooFew("too few machines");
  const free = await tx
    .select({ id: machines.id })
    .from(machines, { forceIndex: "machines_offer" })
    .where(and(isFor(claim), among && inArray(machines.id, among)))
    .orderBy(asc(machines.lastUsedAt), asc(machines.id))
    .limit(count)
    .for("update", { skipLocked: true });
  if (free.length < count) throw new TooFew("too few machines");
  const ids = free.map((machine) => machine.id);
  return takeThese(deps, tx, claim, ids);
}

/**
 * Takes machines whose rows this transaction has locked.
 * @throws TooFew when one is promised to others: a booking that was committed before the rows were locked
 */
export async function takeThese(
  deps: ReservationsDeps,
  tx: Tx,
  claim: Claim,
  ids: string[],
): Promise<Machine[]> {
  const { reservationId, count } = claim;
  await tx
    .update(machines)
    .set({ ...ourLease(deps), ...machineMoves("claim"), reservationId })
    .where(inArray(machines.id, ids));
  const taken = await tx
    .select({ machine: machines, promised: sql<number>`${isPromised(claim)}` })
    .from(machines)
    .where(inArray(machines.id, ids));
  const sound = taken.filter(({ promised }) => Number(promised) === 0).map(({ machine }) => machine);
  if (sound.length < count) throw new TooFew("promised to others");
  // By name, as the slots of a plan are numbered: what was told stays true.
  sound.sort((a, b) => (a.name < b.name ? -1 : 1));
  await tx.insert(holds).values(
    sound.map((machine, n) => ({
      id: crypto.randomUUID(),
      reservationId,
      machineId: machine.id,
      machineName: machine.name,
      slot: (claim.slot ?? 1) + n,
      claimedAt: now,
    })),
  );
  return sound;
}

/** How long a claim retries while others, which may yet give up, have the rows that it needs locked. */
const RETRY_MS = 2000;

/**
 * Retries until there are certainly too few: rows that another claim has locked are skipped, and may be free a moment later.
 * @returns the result of `attempt`, or the number of machines if that is too low
 */
export async function untilSure<T>(
  deps: ReservationsDeps,
  claim: Claim,
  attempt: () => Promise<T>,
): Promise<T | number> {
  const deadline = performance.now() + RETRY_MS;
  for (let tries = 1; ; tries++) {
    try {
      return await attempt();
    } catch (error) {
      // Another claim got that uid; ours takes the next one.
      if (violates(error, "reservations_live_uid") && performance.now() <= deadline) continue;
      if (!(error instanceof TooFew)) throw error;
      const offeredNow = await countOffered(deps, claim);
      if (offeredNow < claim.count || performance.now() > deadline)
        return Math.min(offeredNow, claim.count - 1);
      // Increasing: a whole class retrying at once would slow down the requests being served.
      await new Promise((go) => setTimeout(go, Math.random() * Math.min(400, 50 * tries)));
    }
  }
}
