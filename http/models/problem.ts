import { t } from "elysia";
import { type Code, STATUS_OF } from "../codes.ts";
import { oneOf, time } from "./fields.ts";

const codes = Object.keys(STATUS_OF).sort() as [Code, ...Code[]];
const code = oneOf(codes, "for programs; never changes");
const fields = t.Array(
  t.Object({
    field: t.String(),
    message: t.String(),
    column: t.Optional(t.Integer({ description: "where in the field's text, from 1" })),
    starts_at: t.Optional(time("when the occurrence that is meant would start")),
    next_at: t.Optional(time("when it could start instead")),
    nearest: t.Optional(t.Array(time("a start that could be instead"))),
    until: t.Optional(time("the longest possible end")),
  }),
  { description: "the fields at fault" },
);

/** The form of every error. */
export const Problem = t.Object(
  {
    error: t.String({ description: "what went wrong and what to do about it, for people" }),
    code,
    details: t.Optional(fields),
  },
  { $id: "Problem", description: "An error" },
);

/** The same for clients that ask for application/problem+json (RFC 9457). */
export const ProblemDetails = t.Object(
  {
    type: t.String({ description: "always about:blank; use `code` to tell errors apart" }),
    title: t.String({ description: "the reason phrase of the status" }),
    status: t.Integer(),
    detail: t.String({ description: "what went wrong and what to do about it, for people" }),
    code,
    errors: t.Optional(fields),
  },
  { $id: "ProblemDetails", description: "An error as in RFC 9457" },
);
