// `bun server.ts COMMAND`: what is done by hand or by the scripts beside the running program, as the database's owner.
import { readAccounts } from "./config.ts";
import { openDatabase } from "./db/client.ts";
import { grantProgram } from "./db/grants.ts";
import { migrateDatabase, waitForDatabase } from "./db/migrate.ts";

const DATABASE_WAIT_SECONDS = 60;

interface Command {
  /** one line, as usage() shows it */
  does: string;
  run(args: string[], say: (line: string) => void): Promise<void>;
}

/** Thrown for arguments that a command does not take. */
class UsageError extends Error {}

function noArguments(args: string[]): void {
  if (args.length > 0) throw new UsageError(`it takes no arguments: ${args.join(" ")}`);
}

/** The two accounts of the environment, once the database answers. @throws ConfigError, Error when it does not */
async function accounts(say: (line: string) => void) {
  const urls = readAccounts(process.env);
  const database = openDatabase(urls.ownerUrl);
  try {
    await waitForDatabase(database, DATABASE_WAIT_SECONDS, say);
  } finally {
    await database.close();
  }
  return urls;
}

const COMMANDS: Record<string, Command> = {
  migrate: {
    does: "brings the tables up to date, and gives DATABASE_URL's account the rights that the program needs",
    async run(args, say) {
      noArguments(args);
      const { databaseUrl, ownerUrl } = await accounts(say);
      await migrateDatabase(ownerUrl, async (connection) => {
        const changes = await grantProgram(connection, databaseUrl);
        const taken = changes.filter((change) => change.startsWith("REVOKE"));
        if (changes.length > taken.length)
          say(`granted the program its rights on tables: ${changes.length - taken.length}`);
        for (const change of taken) say(change);
      });
      say("the tables are those of this version");
    },
  },
};

/** What there is, a line each. */
export function usage(): string {
  const lines = Object.entries(COMMANDS).map(([name, { does }]) => `  ${name.padEnd(14)}${does}`);
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
