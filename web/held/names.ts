import { text } from "../text/text.ts";

/** So many are named; more are counted. */
const MOST = 4;

/** Machines in a few words. */
export const namesOf = (machines: string[]): string =>
  machines.length > MOST ? text.yours.machines(machines.length) : machines.join(", ");
