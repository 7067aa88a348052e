// Before the database is deleted, everything that only it knows must end: the accounts on the machines.
import type { Driver } from "../driver.ts";
import { say } from "../script/say.ts";

const RELEASE_MS = 60_000;

/** Ends all reservations, and prints the API's response. */
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
