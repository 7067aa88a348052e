import { t } from "elysia";

/** The one form of every error. */
export const Problem = t.Object(
  {
    error: t.String({ description: "a sentence that says what is wrong and what to do" }),
    code: t.String({ description: "stable, for programs" }),
    details: t.Optional(t.Array(t.Object({ field: t.String(), message: t.String() }))),
  },
  { description: "What is wrong" },
);
