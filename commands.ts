// `bun server.ts COMMAND`: maintenance by hand or by the scripts, beside the running program, as the database's owner.
import { parseArgs } from "node:util";
import { type Maintenance, readMaintenance } from "./config.ts";
import { type Database, openDatabase } from "./db/client.ts";
import { grantProgram } from "./db/grants.ts";
import { migrateDatabase, waitForDatabase } from "./db/migrate.ts";
import { scheduleEventPruning } from "./db/old_events.ts";
import { pruneEvents } from "./pool/audit/prune.ts";
import { SECRET_KEY_FORM } from "./settings.ts";

const DATABASE_WAIT_SECONDS = 60;

interface Command {
  /** its arguments, and one line on what it does, for usage() */
  takes?: string;
  does: string;
  run(args: string[], say: (line: string) => void): Promise<void>;
}

/** Thrown for arguments that a command does not accept. */
class UsageError extends Error {}

/** The options of a command line; anything else is refused. @throws UsageError */
function options(args: string[], names: string[]): Record<string, string | undefined> {
  const known = Object.fromEntries(names.map((name) => [name, { type: "string" as const }]));
  try {
    return parseArgs({ args, options: known }).values;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

/** "365d" → 365: at least a day, so that current events stay, and at most a hundred years. @throws UsageError */
function daysOf(text: string | undefined): number {
  const days = Number(/^([1-9]\d{0,4})d$/.exec(text ?? "")?.[1] ?? Number.NaN);
  if (days <= 36_500) return days;
  throw new UsageError("--older-than takes whole days, 1d to 36500d, for example 365d");
}

/** Works as the database's owner, once the database answers. @throws ConfigError; Error when it doesn't answer */
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
    does: "brings the tables up to date, and grants DATABASE_URL's database user the rights that the program needs",
    async run(args, say) {
      options(args, []);
      await asOwner(say, (_, { database, events }) =>
        migrateDatabase(database.ownerUrl, async (connection) => {
          const changes = await grantProgram(connection, database.url);
          const revoked = changes.filter((change) => change.startsWith("REVOKE"));
          if (changes.length > revoked.length)
            say(`granted the program its rights on tables: ${changes.length - revoked.length}`);
          for (const change of revoked) say(change);
          const pruning = await scheduleEventPruning(connection, events.days);
          if (pruning) say(pruning);
        }),
      );
      say("the tables are up to date");
    },
  },
  "prune-events": {
    takes: "--older-than 365d",
    does: "deletes older events, which only the owner may do, and records that it did",
    async run(args, say) {
      const days = daysOf(options(args, ["older-than"])["older-than"]);
      await asOwner(say, async ({ db }) => {
        say(`${await pruneEvents(db, days)} events older than ${days} days were deleted`);
      });
    },
  },
  "rotate-key": {
    does: "re-encrypts all secrets with the key on standard input; --finish, once all run with it, retires the old key",
    async run(args, say) {
      const { deps } = await import("./deps.ts");
      const { finishRotation, rotateKey } = await import("./pool/secrets/rotate_key.ts");
      if (args.join(" ") === "--finish") {
        say(
          (await finishRotation(deps()))
            ? "the old key no longer opens anything"
            : "no rotation was in progress",
        );
        return;
      }
      if (args.length > 0) throw new UsageError(`the only option is --finish, not ${args.join(" ")}`);
      const next = (await Bun.stdin.text()).trim();
      if (!new RegExp(SECRET_KEY_FORM).test(next))
        throw new UsageError("standard input must be 32 random bytes in base64");
      say(`${await rotateKey(deps(), next)} secrets were re-encrypted`);
    },
  },
};

/** The commands, one per line. */
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
 * @returns the exit code: 0, or 2 for wrong usage
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
