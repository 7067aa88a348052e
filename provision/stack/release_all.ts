// Whoever deletes the database also ends what only the database knows: the accounts on the machines.
import type { Driver } from "../driver.ts";
import { say } from "../script/say.ts";

const RELEASE_MS = 60_000;

/** Ends all reservations, and says what the API answers. */
export async function releaseAll(driver: Driver): Promise<void> {
  const api = driver.api();
  const answer = await fetch(`${api.origin}/release_all`, {
    ...api,
    method: "POST",
    redirect: "manual",
    signal: AbortSignal.timeout(RELEASE_MS),
  }).catch(() => undefined);
  say(answer ? await answer.text() : `${driver.mode}: no API answers, so no reservation was ended`);
}
