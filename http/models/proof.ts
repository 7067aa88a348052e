import { t } from "elysia";
import type { Counts, MachineProof, ReservationProof } from "../../pool/reservations/slots/proof.ts";
import { time } from "./fields.ts";
import { slot } from "./place.ts";

const counts = t.Nullable(
  t.Object({
    processes: t.Integer({ description: "processes of the account that were ended" }),
    home_files: t.Integer({ description: "files and folders removed in its home" }),
    swept_files: t.Integer({
      description: "those removed everywhere else that it could write to, with crontabs and the mailbox",
    }),
    ipc: t.Integer({ description: "shared memory, semaphores and message queues removed" }),
    mounts: t.Integer({ description: "mounts that were undone" }),
  }),
  { description: "as the machine counted, in the removal that was proved; null if it didn't" },
);

/** What has become of a reservation's accounts. */
export const Proof = t.Object(
  {
    id: t.String(),
    username: t.String({ description: "name of the accounts" }),
    uid: t.Nullable(t.Integer({ description: "the accounts' user id; null if it never had a machine" })),
    ended_at: t.Nullable(time("when the last machine was clean; null if some are not yet")),
    machines: t.Array(
      t.Object({
        slot,
        machine: t.String(),
        account_at: t.Nullable(time("when its account worked; null if it failed in preparation")),
        removal_at: t.Nullable(time("when the removal began; null if it has not")),
        clean_at: t.Nullable(
          time("when it was proved that nothing is left; null if it was not, or before this was kept"),
        ),
        removed: counts,
        last_word: t.Nullable(
          t.String({ description: "the machine's own last line, on which it was offered again" }),
        ),
      }),
      { description: "by slot, with those that failed or were replaced" },
    ),
  },
  { $id: "Proof" },
);

const isoOf = (date: Date | null) => date?.toISOString() ?? null;

const countsOf = ({ processes, homeFiles, sweptFiles, ipc, mounts }: Counts) => ({
  processes,
  home_files: homeFiles,
  swept_files: sweptFiles,
  ipc,
  mounts,
});

function machineOf({ slot, machine, confirmedAt, endingAt, releasedAt, proof }: MachineProof) {
  return {
    slot,
    machine,
    account_at: isoOf(confirmedAt),
    removal_at: isoOf(endingAt),
    clean_at: proof && isoOf(releasedAt),
    removed: proof?.counts ? countsOf(proof.counts) : null,
    last_word: proof?.said ?? null,
  };
}

export const proofOf = ({ id, username, uid, endedAt, machines }: ReservationProof) => ({
  id,
  username,
  uid,
  ended_at: isoOf(endedAt),
  machines: machines.map(machineOf),
});
