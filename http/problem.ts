/** A request that HTTP itself refuses. */
export class HttpProblem extends Error {
  readonly kind: string;
  readonly answer: number;
  /** seconds after which it makes sense to try again */
  readonly retryAfter: number | undefined;
  constructor(answer: number, kind: string, message: string, retryAfter?: number) {
    super(message);
    this.answer = answer;
    this.kind = kind;
    this.retryAfter = retryAfter;
  }
}
