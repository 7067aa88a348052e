import { type HttpCode, STATUS_OF } from "./codes.ts";

/** A request that HTTP itself refuses. */
export class HttpProblem extends Error {
  readonly kind: HttpCode;
  readonly answer: number;
  /** what the answer says beside its body */
  readonly headers: Record<string, string>;
  constructor(kind: HttpCode, message: string, headers: Record<string, string> = {}) {
    super(message);
    this.kind = kind;
    this.answer = STATUS_OF[kind];
    this.headers = headers;
  }
}
