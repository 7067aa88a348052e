// What the scripts here say to whoever typed a recipe, and how they stop.
import { writeSync } from "node:fs";

/** Thrown to stop with a word to whoever typed the command: what is wrong, and what to type. */
export class Stop extends Error {
  constructor(
    message: string,
    readonly exitCode = 1,
  ) {
    super(message);
  }
}

export const say = (line: string): void => console.log(line);
/** Beside what the command is asked for, so that `TOKEN=$(just token)` has the token alone. */
export const tell = (line: string): void => {
  writeSync(2, `${line}\n`); // (console.error would colour it red)
};

/** Runs a script, and ends the process: with its own exit code, or that of the Stop that it throws. */
export async function script(name: string, work: () => Promise<number | undefined>): Promise<never> {
  try {
    process.exit((await work()) ?? 0);
  } catch (error) {
    if (!(error instanceof Stop)) throw error;
    if (error.message) tell(`${name}: ${error.message}`);
    process.exit(error.exitCode);
  }
}
