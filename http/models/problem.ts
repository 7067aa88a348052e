import { t } from "elysia";
import { type Code, STATUS_OF } from "../codes.ts";
import { oneOf } from "./fields.ts";

const codes = Object.keys(STATUS_OF).sort() as [Code, ...Code[]];
const code = oneOf(codes, "for programs: stable");
const fields = t.Array(t.Object({ field: t.String(), message: t.String() }), {
  description: "what is wrong with which field",
});

/** The one form of every error. */
export const Problem = t.Object(
  {
    error: t.String({ description: "a sentence that says what is wrong and what to do" }),
    code,
    details: t.Optional(fields),
  },
  { $id: "Problem", description: "What is wrong" },
);

/** The same for whoever asks for application/problem+json (RFC 9457). */
export const ProblemDetails = t.Object(
  {
    type: t.String({ description: "about:blank: `code` tells one from the other" }),
    title: t.String({ description: "the status in words" }),
    status: t.Integer(),
    detail: t.String({ description: "a sentence that says what is wrong and what to do" }),
    code,
    errors: t.Optional(fields),
  },
  { $id: "ProblemDetails", description: "What is wrong, as RFC 9457 writes it" },
);
