// A machine as a line of provision/machines.txt: `name host port user password`.
import Type from "typebox";
import Value from "typebox/value";

const Machine = Type.Object({
  name: Type.String({ pattern: "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$" }),
  host: Type.String({ pattern: "^[A-Za-z0-9][A-Za-z0-9.:-]{0,252}$" }),
  port: Type.Integer({ minimum: 1, maximum: 65535 }),
  user: Type.String({ pattern: "^[a-z_][a-z0-9_-]{0,31}$" }),
  password: Type.String({ minLength: 1, maxLength: 256 }),
});
const FIELDS = ["name", "host", "port", "user", "password"] as const;
export type Machine = Type.Static<typeof Machine>;

/** What a value must be. */
const MUST: Record<string, string> = {
  name: "must be letters, digits, dot, dash and underscore, at most 63, and begin with a letter or digit",
  host: "must be a name or an address",
  port: "is not a number from 1 to 65535",
  user: "must be a user's name on the machine: lower-case letters, digits, dash and underscore",
  password: "must be 1 to 256 characters",
};

/** A machine from these values, in the order of a line; or what is wrong with the first invalid one. */
export function machineOf(values: string[]): Machine | { field: string; problem: string } {
  const fields = Object.fromEntries(FIELDS.map((field, i) => [field, values[i]]));
  const machine = { ...fields, port: /^\d+$/.test(values[2] ?? "") ? Number(values[2]) : values[2] };
  if (Value.Check(Machine, machine)) return machine;
  const field = Value.Errors(Machine, machine)[0]?.instancePath.slice(1) ?? "?";
  return { field, problem: `${field} ${MUST[field] ?? "is invalid"}` };
}

/** Parses a line, or says why it is invalid. Never repeats the line: it contains a password. */
export function parseLine(line: string): Machine | string {
  const words = line.trim().split(/\s+/);
  if (words.length !== FIELDS.length) return `has ${words.length} words, not the five: ${FIELDS.join(" ")}`;
  const machine = machineOf(words);
  return "problem" in machine ? machine.problem : machine;
}
