// Loaded into a program by tests only (`bun --preload`): makes it die, or stop, at the n-th of its events. An event is
// where a crash can matter: before and after each COMMIT and each write outside a transaction; before a step on a
// machine, in the middle of it, and after its answer. So every such place is found by counting, not from a list.
// CRASH_AT=n, CRASH_SIGNAL (SIGKILL), CRASH_FILE: where it writes the event's name before it dies, and the names of all
// when CRASH_AT is 0. Counting starts at SIGUSR2, or at once with CRASH_ARMED=1.
import { appendFileSync } from "node:fs";
import mysql from "mysql2";
import ssh2 from "ssh2";

const at = Number(process.env.CRASH_AT ?? 0);
const file = process.env.CRASH_FILE ?? "";
let armed = process.env.CRASH_ARMED === "1";
let count = 0;

function event(name: string): void {
  if (!armed || ++count !== at) {
    if (armed && at === 0 && file) appendFileSync(file, `${name}\n`);
    return;
  }
  if (file) appendFileSync(file, `${name}\n`);
  process.kill(process.pid, (process.env.CRASH_SIGNAL ?? "SIGKILL") as NodeJS.Signals);
  // A signal to oneself may take effect a moment later: nothing more may happen until then.
  const until = performance.now() + 100;
  while (performance.now() < until);
}

process.on("SIGUSR2", () => {
  armed = true;
  // Printed where the test can see it.
  process.stdout.write("armed\n");
});

interface Command {
  sql?: string;
  onResult?: (...results: unknown[]) => void;
}
type Adding = { inside?: boolean };
const connection = (mysql as unknown as { Connection: { prototype: { addCommand(c: Command): unknown } } })
  .Connection.prototype;
const addCommand = connection.addCommand;
connection.addCommand = function (this: Adding, command: Command) {
  const sql = (command.sql ?? "").trim().toLowerCase();
  const verb = /^\w+/.exec(sql)?.[0] ?? "";
  if (verb === "begin" || verb === "start") this.inside = true;
  const write = ["insert", "update", "delete", "replace", "create", "alter", "drop"].includes(verb);
  const { onResult } = command;
  if ((verb === "commit" || (write && !this.inside)) && onResult) {
    const name = verb === "commit" ? "COMMIT" : sql.slice(0, 40).replace(/\s+/g, " ");
    event(`before ${name}`);
    command.onResult = (...results) => {
      event(`after ${name}`);
      onResult(...results);
    };
  }
  if (verb === "commit" || verb === "rollback") this.inside = false;
  return addCommand.call(this, command);
};

// biome-ignore lint/suspicious/noExplicitAny: the stream of another library, and its overloads
const client = ssh2.Client.prototype as any;
const exec = client.exec;
// biome-ignore lint/suspicious/noExplicitAny: as above
client.exec = function (this: unknown, command: string, done: (error: unknown, stream: any) => void) {
  event("before a step on a machine");
  // biome-ignore lint/suspicious/noExplicitAny: as above
  return exec.call(this, command, (error: unknown, stream: any) => {
    if (stream) {
      let over = false;
      const end = stream.end;
      stream.end = (...parts: unknown[]) => {
        // The step takes a few tenths of a second: hit its beginning, and its middle.
        for (const delay of [15, 90]) setTimeout(() => !over && event(`in a step, after ${delay} ms`), delay);
        return end.apply(stream, parts);
      };
      stream.on("close", () => {
        over = true;
        event("after a step's answer");
      });
    }
    done(error, stream);
  });
};
