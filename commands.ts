// `bun server.ts COMMAND`: what is done by hand or by the scripts beside the running program, as the database's owner.
import { parseArgs } from "node:util";
import { type Maintenance, readMaintenance } from "./config.ts";
import { type Database, openDatabase } from "./db/client.ts";
import { grantProgram } from "./db/grants.ts";
import { migrateDatabase, waitForDatabase } from "./db/migrate.ts";
import { pruneByItself } from "./db/old_events.ts";
import { pruneEvents } from "./pool/audit/prune.ts";
import { SECRET_KEY_FORM } from "./settings.ts";

const DATABASE_WAIT_SECONDS = 60;

interface Command {
  /** its arguments, and in a line what it does, as usage() shows them */
  takes?: string;
  does: string;
  run(args: string[], say: (line: string) => void): Promise<void>;
}

/** Thrown for arguments that a command does not take. */
class UsageError extends Error {}

/** The options of a command line; anything else on it is refused. @throws UsageError */
function options(args: string[], names: string[]): Record<string, string | undefined> {
  const known = Object.fromEntries(names.map((name) => [name, { type: "string" as const }]));
  try {
    return parseArgs({ args, options: known }).values;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

/** "365d" → 365: at least a day, so that what is happening now stays, and at most a hundred years. @throws UsageError */
function daysOf(text: string | undefined): number {
  const days = Number(/^([1-9]\d{0,4})d$/.exec(text ?? "")?.[1] ?? Number.NaN);
  if (days <= 36_500) return days;
  throw new UsageError("--older-than takes whole days, 1d to 36500d, such as 365d");
}

/** Does its work as the database's owner, once the database answers. @throws ConfigError, Error when it does not */
async function asOwner(
  say: (line: string) => void,
  work: (database: Database, settings: Maintenance) => Promise<void>,
): Promise<void> {
  const settings = readMaintenance(process.env);
  const database = openDatabase(settings.database.ownerUrl);
  try {
    await waitForDatabase(database, DATABASE_WAIT_SECONDS, say);
    await work(database, settings);
  } finally {
    await database.close();
  }
}

const COMMANDS: Record<string, Command> = {
  migrate: {
    does: "brings the tables up to date, and gives DATABASE_URL's account the rights that the program needs",
    async run(args, say) {
      options(args, []);
      await asOwner(say, (_, { database, events }) =>
        migrateDatabase(database.ownerUrl, async (connection) => {
          const changes = await grantProgram(connection, database.url);
          const taken = changes.filter((change) => change.startsWith("REVOKE"));
          if (changes.length > taken.length)
            say(`granted the program its rights on tables: ${changes.length - taken.length}`);
          for (const change of taken) say(change);
          const pruning = await pruneByItself(connection, events.days);
          if (pruning) say(pruning);
        }),
      );
      say("the tables are those of this version");
    },
  },
  "prune-events": {
    takes: "--older-than 365d",
    does: "deletes the events that are older, which only the owner may, and records that",
    async run(args, say) {
      const days = daysOf(options(args, ["older-than"])["older-than"]);
      await asOwner(say, async ({ db }) => {
        say(`${await pruneEvents(db, days)} events older than ${days} days were deleted`);
      });
    },
  },
  "rotate-key": {
    does: "encrypts all secrets with the key on standard input; with --finish, when all run with it, forgets the old one",
    async run(args, say) {
      const { deps } = await import("./deps.ts");
      const { finishRotation, rotateKey } = await import("./pool/secrets/rotate_key.ts");
      if (args.join(" ") === "--finish") {
        say(
          (await finishRotation(deps())) ? "the old key opens nothing any more" : "no rotation was under way",
        );
        return;
      }
      if (args.length > 0) throw new UsageError(`it takes --finish only: ${args.join(" ")}`);
      const next = (await Bun.stdin.text()).trim();
      if (!new RegExp(SECRET_KEY_FORM).test(next))
        throw new UsageError("standard input must be 32 random bytes in base64");
      say(`${await rotateKey(deps(), next)} secrets were encrypted anew`);
    },
  },
};

/** What there is, a line each. */
export function usage(): string {
  const lines = Object.entries(COMMANDS).map(
    ([name, { takes = "", does }]) => `  ${`${name} ${takes}`.padEnd(34)}${does}`,
  );
  return [
    "bun server.ts COMMAND, with DATABASE_URL and DATABASE_OWNER_URL (or each as …_FILE):",
    ...lines,
  ].join("\n");
}

/**
 * Runs a command.
 * @returns the exit code: 0, or 2 when it was not asked for in its own words
 * @throws whatever it fails with
 */
export async function runCommand(name: string, args: string[]): Promise<number> {
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command && (args.includes("--help") || args.includes("-h"))) {
    console.log(usage());
    return 0;
  }
  try {
    if (!command) throw new UsageError("there is no such command");
    await command.run(args, (line) => console.log(`${name}: ${line}`));
    return 0;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(`${name}: ${error.message}\n${usage()}`);
    return 2;
  }
}
