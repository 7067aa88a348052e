// Label expressions: gpu && ram >= 32 && !(zone == "b" || os in ["alpine", "debian"])
//
//   or   = and { "||" and }
//   and  = not { "&&" not }
//   not  = "!" not | "(" or ")" | test
//   test = name [ ("==" | "!=") value | ("<" | "<=" | ">" | ">=") number | "in" "[" value { "," value } "]" ]

import { type Token, tokens, WhereError } from "./tokens.ts";

export type Labels = Readonly<Record<string, string>>;
/** Whether a machine with these labels is meant. */
export type Matches = (labels: Labels) => boolean;

export const LONGEST_WHERE = 1000;
/** A parser that calls itself must not run out of stack. */
const DEEPEST = 50;

const NUMBER = /^-?\d+(\.\d+)?$/;

/** A value of an expression: a number matches every spelling of it (32, 32.0), a text only itself. */
type Value = { number: number } | { text: string };
const equals = (value: Value, label: string) =>
  "number" in value ? NUMBER.test(label) && Number(label) === value.number : label === value.text;

const COMPARE: Record<string, (label: number, value: number) => boolean> = {
  "<": (label, value) => label < value,
  "<=": (label, value) => label <= value,
  ">": (label, value) => label > value,
  ">=": (label, value) => label >= value,
};

const MOST_KNOWN = 1000;

/** A test of one label. A plan asks it for every machine, and most have the same few values: it remembers its answers. */
function test(name: string, holds: (label: string) => boolean): Matches {
  const known = new Map<string, boolean>();
  return (labels) => {
    const label = labels[name];
    if (typeof label !== "string") return false;
    const before = known.get(label);
    if (before !== undefined) return before;
    const now = holds(label);
    if (known.size < MOST_KNOWN) known.set(label, now);
    return now;
  };
}

class Parser {
  readonly #tokens: Token[];
  #at = 0;
  #depth = 0;
  constructor(text: string) {
    this.#tokens = tokens(text);
  }

  get #next(): Token {
    return this.#tokens[this.#at] as Token;
  }

  #take(...signs: string[]): Token | undefined {
    const { kind, text } = this.#next;
    const taken = (kind === "sign" || kind === "name") && signs.includes(text);
    return taken ? this.#tokens[this.#at++] : undefined;
  }

  #expected(what: string): WhereError {
    const { text, column } = this.#next;
    return new WhereError(`expected ${what}, found ${text}`, column);
  }

  whole(): Matches {
    const found = this.#or();
    if (this.#next.kind !== "end") throw this.#expected("&& or ||");
    return found;
  }

  #or(): Matches {
    if (++this.#depth > DEEPEST)
      throw new WhereError(`more than ${DEEPEST} levels of ( and !`, this.#next.column);
    const parts = [this.#and()];
    while (this.#take("||")) parts.push(this.#and());
    this.#depth--;
    return (labels) => parts.some((part) => part(labels));
  }

  #and(): Matches {
    const parts = [this.#not()];
    while (this.#take("&&")) parts.push(this.#not());
    return (labels) => parts.every((part) => part(labels));
  }

  #not(): Matches {
    let negated = false;
    while (this.#take("!")) negated = !negated;
    const inner = this.#take("(") ? this.#inBrackets() : this.#test();
    return negated ? (labels) => !inner(labels) : inner;
  }

  #inBrackets(): Matches {
    const inner = this.#or();
    if (!this.#take(")")) throw this.#expected(")");
    return inner;
  }

  #test(): Matches {
    if (this.#next.kind !== "name") throw this.#expected("the name of a label");
    const name = this.#next.text;
    this.#at++;
    const sign = this.#take("==", "!=", "<", "<=", ">", ">=", "in")?.text;
    // No inherited property is a string.
    if (sign === undefined) return (labels) => typeof labels[name] === "string";
    const compare = COMPARE[sign];
    if (compare) return test(name, this.#comparison(compare));
    const values = sign === "in" ? this.#list() : [this.#value()];
    const isOne = test(name, (label) => values.some((value) => equals(value, label)));
    // As in Kubernetes' selectors, a machine without the label is also one whose label is not that.
    return sign === "!=" ? (labels) => !isOne(labels) : isOne;
  }

  #comparison(compare: (label: number, value: number) => boolean): (label: string) => boolean {
    const { column } = this.#next;
    const value = this.#value();
    if (!("number" in value)) throw new WhereError("only numbers can be compared with < <= > >=", column);
    return (label) => NUMBER.test(label) && compare(Number(label), value.number);
  }

  #list(): Value[] {
    if (!this.#take("[")) throw this.#expected("[");
    const values = [this.#value()];
    while (this.#take(",")) values.push(this.#value());
    if (!this.#take("]")) throw this.#expected(", or ]");
    return values;
  }

  #value(): Value {
    const { kind, text, column } = this.#next;
    if (kind === "text") {
      this.#at++;
      return { text: text.slice(1, -1).replace(/\\(.)/g, "$1") };
    }
    if (kind !== "name") throw this.#expected("a number or a text in quotes");
    if (!NUMBER.test(text)) throw new WhereError(`put text in quotes: "${text}"`, column);
    this.#at++;
    return { number: Number(text) };
  }
}

/**
 * Reads a label expression. A bare name asks whether the machine has that label; a number equals every spelling of it;
 * `name != value` is true without the label.
 * @returns a pure function from a machine's labels
 * @throws WhereError with the column, when it can't be read
 */
export function where(text: string): Matches {
  if (text.length > LONGEST_WHERE)
    throw new WhereError(`longer than ${LONGEST_WHERE} characters`, LONGEST_WHERE + 1);
  return new Parser(text).whole();
}
