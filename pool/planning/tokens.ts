// The words of a label expression.

/** A label expression that can't be read. */
export class WhereError extends Error {
  /** where, from 1 */
  readonly column: number;
  constructor(message: string, column: number) {
    super(message);
    this.column = column;
  }
}

type Kind = "name" | "text" | "sign" | "end";
export interface Token {
  kind: Kind;
  text: string;
  column: number;
}

const SPACE = /[ \t\r\n]*/y;
// A label's name may begin with a digit: where a value is expected, a word of digits is a number.
const TOKENS: [Kind, RegExp][] = [
  ["sign", /&&|\|\||==|!=|<=|>=|[<>!()[\],]/y],
  ["text", /"(?:[^"\\]|\\["\\])*"/y],
  ["name", /[A-Za-z0-9._/-]+/y],
];
const LIKELY: Record<string, string> = { "=": "==", "&": "&&", "|": "||", "'": '"' };

/** Cuts an expression into its words. @throws WhereError */
export function tokens(text: string): Token[] {
  const found: Token[] = [];
  for (let at = 0; ; ) {
    SPACE.lastIndex = at;
    SPACE.test(text);
    at = SPACE.lastIndex;
    const column = at + 1;
    if (at === text.length) return [...found, { kind: "end", text: "the end", column }];
    const next = TOKENS.flatMap(([kind, form]) => {
      form.lastIndex = at;
      const [word] = form.exec(text) ?? [];
      return word === undefined ? [] : [{ kind, text: word, column }];
    })[0];
    if (!next) {
      const sign = String.fromCodePoint(text.codePointAt(at) as number);
      if (sign === '"') throw new WhereError('this text has no closing "', column);
      const hint = LIKELY[sign];
      throw new WhereError(`${sign} is not known here${hint ? `; write ${hint}` : ""}`, column);
    }
    found.push(next);
    at += next.text.length;
  }
}
