// What the scripts here print for the person who typed a recipe, and how they stop.
import { writeSync } from "node:fs";

/** Thrown to stop with a message for the person who typed the command: what is wrong, and what to type. */
export class Stop extends Error {
  constructor(
    message: string,
    readonly exitCode = 1,
  ) {
    super(message);
  }
}

export const say = (line: string): void => console.log(line);
/** To standard error, apart from the command's result, so that `TOKEN=$(just token)` has only the token. */
export const note = (line: string): void => {
  writeSync(2, `${line}\n`); // (console.error would colour it red)
};

/** Runs a script, and exits with its exit code, or with that of the Stop that it throws. */
export async function script(name: string, work: () => Promise<number | undefined>): Promise<never> {
  try {
    process.exit((await work()) ?? 0);
  } catch (error) {
    if (!(error instanceof Stop)) throw error;
    if (error.message) note(`${name}: ${error.message}`);
    process.exit(error.exitCode);
  }
}
