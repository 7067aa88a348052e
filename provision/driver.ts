// What a mode must implement. There are two: docker.ts and native.ts; everything else here works with either.

import type { Mode } from "./mode.ts";
import type { Settings } from "./script/settings.ts";
import type { Api } from "./stack/api.ts";

export interface Driver {
  readonly mode: Mode;
  readonly settings: Settings;
  /** @throws Stop for an invalid setting, or a port that another program has: before anything is made */
  check(): Promise<void>;
  /**
   * Starts what is not running yet, and waits until it answers.
   * @param dev with hot reload
   * @param words further arguments for the mode's own tools
   * @throws Stop if it does not come up
   */
  up(dev: boolean, words?: string[]): Promise<void>;
  /** Stops it; the database stays. */
  down(dev: boolean, words?: string[]): Promise<void>;
  /** Deletes the database of a stack that is down. */
  removeDatabase(): Promise<void>;
  /** Says which services are up; for the others, since when and why they are down. @returns whether all are up */
  status(print?: (line: string) => void): Promise<boolean>;
  /** Shows the logs. @returns an exit code */
  logs(dev: boolean, words: string[]): Promise<number>;
  /** Runs a command of the program as the database's owner. @returns its exit code */
  owner(words: string[]): Promise<number>;
  /** Runs a command of the program with its own settings. @param input its standard input; default: ours. @returns its exit code */
  program(words: string[], input?: string): Promise<number>;
  /** How to reach the API from here. */
  api(): Api;
  /** Removes the rest of a stack that is down, once the demo machines are gone. */
  remove(): Promise<void>;
  /** Commands that only this mode has: word → what it does. */
  readonly more: Record<string, (words: string[]) => Promise<number>>;
}
