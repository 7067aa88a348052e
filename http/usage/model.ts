import { t } from "elysia";
import type { Failures, Usage, UsageRow } from "../../pool/usage/usage.ts";

const hours = (description: string) => t.Number({ description });
const seconds = (description: string) => t.Nullable(t.Number({ description }));

const MEASURES = {
  machine_hours: hours("in which users could use machines: from when the account worked to its removal"),
  held_hours: hours("in which machines were held: from the claim until they were proved clean"),
  reservations: t.Integer({ description: "that started" }),
  failed: t.Integer({ description: "requests of that time that failed" }),
  wait_median_seconds: seconds(
    "median time from request to working accounts, of those that started and were not booked ahead; null: none",
  ),
  wait_p95_seconds: seconds("the 95th percentile of that"),
  removals: t.Integer({ description: "accounts that were removed" }),
  removal_median_seconds: seconds("median time from a removal's beginning to its proof; null: none"),
  removal_p95_seconds: seconds("the 95th percentile of that"),
};
const pool_hours = t.Number({ description: "in which machines were in the pool" });

export const UsageTotal = t.Object({ ...MEASURES, pool_hours }, { $id: "UsageTotal" });

export const UsageLine = t.Object(
  {
    user: t.Optional(
      t.Nullable(t.String({ description: "by=user: who; null: no user, or one that was deleted" })),
    ),
    username: t.Optional(
      t.Nullable(t.String({ description: "by=user: without a user, the name of the accounts" })),
    ),
    value: t.Optional(
      t.Nullable(
        t.String({
          description:
            "by=label: its value; null: machines without the label or no longer in the pool, and requests that got none",
        }),
      ),
    ),
    day: t.Optional(t.String({ description: "by=day: in UTC, such as 2026-11-27" })),
    ...MEASURES,
    pool_hours: t.Optional(pool_hours),
  },
  { $id: "UsageLine" },
);

export const UsageFailures = t.Object(
  {
    fault: t.Nullable(
      t.String({ description: "its kind; null: no machine's, such as a wait that was too long" }),
    ),
    reservations: t.Integer({ description: "requests that failed with it" }),
    quarantines: t.Integer({ description: "how often machines were quarantined with it" }),
  },
  { $id: "UsageFailures" },
);

const measuresOf = (row: UsageRow | Usage["total"]) => ({
  machine_hours: row.machineHours,
  held_hours: row.heldHours,
  ...(row.poolHours === undefined ? {} : { pool_hours: row.poolHours }),
  reservations: row.reservations,
  failed: row.failed,
  wait_median_seconds: row.waitMedian,
  wait_p95_seconds: row.waitP95,
  removals: row.removals,
  removal_median_seconds: row.removalMedian,
  removal_p95_seconds: row.removalP95,
});

export const totalOf = (total: Usage["total"]) => ({ ...measuresOf(total), pool_hours: total.poolHours });
export const failuresOf = ({ fault, reservations, quarantines }: Failures) => ({
  fault,
  reservations,
  quarantines,
});

/** The fields that say whose row it is. */
const KEYS = { user: ["user", "username"], label: ["value"], day: ["day"] } as const;

/** A row, with those of these fields that it has. */
export const lineOf = (row: UsageRow) => ({
  ...(row.user === undefined ? {} : { user: row.user, username: row.username ?? null }),
  ...(row.value === undefined ? {} : { value: row.value }),
  ...(row.day === undefined ? {} : { day: row.day }),
  ...measuresOf(row),
});

/** The columns of CSV. */
export const columnsOf = (by: keyof typeof KEYS) => [
  ...KEYS[by],
  ...Object.keys(MEASURES),
  ...(by === "day" ? ["pool_hours"] : []),
];
