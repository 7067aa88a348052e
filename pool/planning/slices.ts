import type { Commitment, Place, Waiting } from "./place.ts";
import { planInSteps } from "./plan.ts";
import type { PlanMachine } from "./profile.ts";

/** A request that comes in the meantime waits no longer than this and a step. */
const SLICE_MS = 4;

/** The same as `plan`, in slices of a few milliseconds between which the process answers its requests. */
export async function inSlices(
  now: number,
  machines: readonly PlanMachine[],
  commitments: readonly Commitment[],
  queue: readonly Waiting[],
): Promise<Map<string, Place | null>> {
  const steps = planInSteps(now, machines, commitments, queue);
  for (let start = performance.now(); ; ) {
    const step = steps.next();
    if (step.done) return step.value;
    if (performance.now() - start < SLICE_MS) continue;
    await new Promise((go) => setImmediate(go));
    start = performance.now();
  }
}
