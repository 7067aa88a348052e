// A machine as a line of provision/machines.txt: `name host port user password [labels]`.
import Type from "typebox";
import Value from "typebox/value";

const Machine = Type.Object({
  name: Type.String({ pattern: "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$" }),
  host: Type.String({ pattern: "^[A-Za-z0-9][A-Za-z0-9.:-]{0,252}$" }),
  port: Type.Integer({ minimum: 1, maximum: 65535 }),
  user: Type.String({ pattern: "^[a-z_][a-z0-9_-]{0,31}$" }),
  password: Type.String({ minLength: 1, maxLength: 256 }),
  labels: Type.Optional(
    Type.Record(
      Type.String({ pattern: "^(?!fact\\.)[A-Za-z0-9._/-]{1,63}$" }),
      Type.String({ maxLength: 63 }),
      { additionalProperties: false, maxProperties: 64 },
    ),
  ),
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
  labels:
    "must be key=value,key, with at least one = (a password can't contain a space): at most 64, each key once, of up to 63 letters, digits and . _ / -, not beginning with fact.; values of up to 63 characters",
};

/**
 * Reads `key=value,key`; a key alone has an empty value.
 * @returns undefined when a key is there twice; without any `=`, since it may be the second half of a password with a space
 */
function labelsIn(text: string): Record<string, string> | undefined {
  if (!text.includes("=")) return undefined;
  const labels = text.split(",").map((one) => {
    const [key = "", ...value] = one.split("=");
    return [key, value.join("=")] as const;
  });
  return new Set(labels.map(([key]) => key)).size === labels.length ? Object.fromEntries(labels) : undefined;
}

/** A machine from these values, in the order of a line; or what is wrong with the first invalid one. */
export function machineOf(values: string[]): Machine | { field: string; problem: string } {
  const fields = Object.fromEntries(FIELDS.map((field, i) => [field, values[i]]));
  const labels = values[5];
  const machine = {
    ...fields,
    port: /^\d+$/.test(values[2] ?? "") ? Number(values[2]) : values[2],
    ...(labels === undefined ? {} : { labels: labelsIn(labels) ?? labels }),
  };
  if (Value.Check(Machine, machine)) return machine;
  const field = Value.Errors(Machine, machine)[0]?.instancePath.split("/")[1] ?? "?";
  return { field, problem: `${field} ${MUST[field] ?? "is invalid"}` };
}

/** Parses a line, or says why it is invalid. Never repeats the line: it contains a password. */
export function parseLine(line: string): Machine | string {
  const words = line.trim().split(/\s+/);
  if (words.length < FIELDS.length || words.length > FIELDS.length + 1)
    return `has ${words.length} words, not ${FIELDS.join(" ")} [labels]`;
  const machine = machineOf(words);
  return "problem" in machine ? machine.problem : machine;
}
