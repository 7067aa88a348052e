import { type HttpCode, STATUS_OF } from "./codes.ts";

/** A request that HTTP itself refuses. */
export class HttpProblem extends Error {
  readonly kind: HttpCode;
  readonly answer: number;
  /** seconds after which it makes sense to try again */
  readonly retryAfter: number | undefined;
  constructor(kind: HttpCode, message: string, retryAfter?: number) {
    super(message);
    this.kind = kind;
    this.answer = STATUS_OF[kind];
    this.retryAfter = retryAfter;
  }
}
