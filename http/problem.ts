import { type HttpCode, STATUS_OF } from "./codes.ts";

/** A request that is refused before it reaches the pool. */
export class HttpProblem extends Error {
  readonly kind: HttpCode;
  readonly answer: number;
  /** headers of the response */
  readonly headers: Record<string, string>;
  constructor(kind: HttpCode, message: string, headers: Record<string, string> = {}) {
    super(message);
    this.kind = kind;
    this.answer = STATUS_OF[kind];
    this.headers = headers;
  }
}
