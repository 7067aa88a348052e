// The parts of a recurrence rule.

/** A series that can't be worked out. */
export class RecurrenceError extends Error {
  readonly field: "rrule" | "starts_at" | "time_zone" | "except_dates";
  /** where in the rule, from 1 */
  readonly column: number | undefined;
  constructor(field: RecurrenceError["field"], message: string, column?: number) {
    super(message);
    this.field = field;
    this.column = column;
  }
}

const LONGEST = 500;
const ELSEWHERE: Record<string, string> = {
  DTSTART: "write the start in starts_at",
  TZID: "write the zone in time_zone",
  EXDATE: "write the dates to leave out in except_dates",
  RDATE: "a series has a rule only; reserve other dates one by one",
  EXRULE: "write the dates to leave out in except_dates",
  RRULE: "write only what follows RRULE:",
};

/** What follows NAME= */
export interface Part {
  value: string;
  column: number;
}

/** Cuts a rule into its parts, by name. @throws RecurrenceError */
export function partsOf(text: string): Map<string, Part> {
  if (text.length > LONGEST)
    throw new RecurrenceError("rrule", `a rule has at most ${LONGEST} characters`, LONGEST + 1);
  const parts = new Map<string, Part>();
  let column = 1;
  for (const piece of text.replace(/[a-z]+/g, (word) => word.toUpperCase()).split(";")) {
    const [, name = "", sign, value = ""] = /^([A-Z]*)(=?)(.*)$/s.exec(piece) ?? [];
    const hint = ELSEWHERE[name];
    if (hint) throw new RecurrenceError("rrule", `${name} doesn't belong in a rule: ${hint}`, column);
    if (!name || !sign) throw new RecurrenceError("rrule", "a part like FREQ=WEEKLY is missing here", column);
    const at = column + name.length + 1;
    const foreign = /[^A-Z0-9+,-]/.exec(value);
    if (foreign)
      throw new RecurrenceError(
        "rrule",
        `${JSON.stringify(foreign[0])} is not known here`,
        at + foreign.index,
      );
    if (parts.has(name)) throw new RecurrenceError("rrule", `${name} is there twice`, column);
    parts.set(name, { value, column: at });
    column += piece.length + 1;
  }
  return parts;
}

/** The items of a list, each once. @param read is told the place of each */
export function listOf<T>({ value, column }: Part, read: (item: string, column: number) => T): T[] {
  let at = column;
  const items = value.split(",").map((item) => {
    const one = read(item, at);
    at += item.length + 1;
    return one;
  });
  return [...new Set(items)];
}

/** The number that is at a place. @throws RecurrenceError */
export function numberOf(
  name: string,
  item: string,
  column: number,
  lowest: number,
  highest: number,
  fromTheEnd = false,
): number {
  const number = (fromTheEnd ? /^[+-]?\d{1,4}$/ : /^\d{1,4}$/).test(item) ? Number(item) : Number.NaN;
  const size = fromTheEnd ? Math.abs(number) : number;
  if (size >= lowest && size <= highest) return number;
  const range = `from ${lowest} to ${highest}${fromTheEnd ? `, or from -${highest} to -${lowest}` : ""}`;
  throw new RecurrenceError("rrule", `${name} is a number ${range}`, column);
}
