// A machine as a line of machines.txt: `name host port user password [labels]`, as provision/machines/line.ts reads it.

import { numberIn } from "../data/number.ts";
import { text } from "../text/text.ts";

const words = text.machines.wrongLine;
const FIELDS = 5;

export interface NewMachine {
  name: string;
  host: string;
  port: number;
  user: string;
  password: string;
  labels?: Record<string, string>;
}

const pairOf = (label: string) => {
  const [key = "", ...value] = label.split("=");
  return [key.trim(), value.join("=").trim()] as const;
};

/** Reads `key=value` of each; a key alone has an empty value. */
export const labelsIn = (all: string[]): Record<string, string> =>
  Object.fromEntries(all.filter((one) => one.trim() !== "").map(pairOf));

/** A key that is there twice. */
export function twiceIn(all: string[]): string | undefined {
  const keys = all.filter((one) => one.trim() !== "").map((one) => pairOf(one)[0]);
  return keys.find((key, n) => keys.indexOf(key) !== n);
}

/** Reads a line, or says why it can't be read; the API judges the values. Never repeats the line: it contains a password. */
export function parseLine(line: string): NewMachine | string {
  const all = line.trim().split(/\s+/);
  if (all.length < FIELDS || all.length > FIELDS + 1) return words.count(all.length);
  const [name = "", host = "", port = "", user = "", password = "", labels] = all;
  const machine = { name, host, port: numberIn(port), user, password };
  if (labels === undefined) return machine;
  // Without any `=`, it may be the second half of a password with a space.
  if (!labels.includes("=")) return words.labels;
  const parts = labels.split(",");
  const twice = twiceIn(parts);
  return twice === undefined ? { ...machine, labels: labelsIn(parts) } : text.machines.twice(twice);
}
