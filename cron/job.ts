import type { Config } from "../config.ts";
import type { Deps } from "../deps.ts";

/** What the scheduler does at fixed times. Importing one starts nothing: cron/start.ts does. */
export interface Job {
  name: string;
  /** six fields, seconds first, in UTC */
  pattern: string | ((config: Config) => string);
  /** @returns how much it did, for the log */
  run(deps: Deps): Promise<number>;
}
