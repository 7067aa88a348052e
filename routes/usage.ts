import { Elysia, t } from "elysia";
import { withDeps } from "../http/deps.ts";
import { csvOf } from "../http/formats/csv.ts";
import { headersOf, wantedIn } from "../http/formats/wanted.ts";
import { instantOf } from "../http/instant.ts";
import { oneOf } from "../http/models/fields.ts";
import { next, nextOf, pageIn, pageQuery, WHOLE } from "../http/models/page.ts";
import { Problem } from "../http/models/problem.ts";
import {
  columnsOf,
  failuresOf,
  lineOf,
  totalOf,
  UsageFailures,
  UsageLine,
  UsageTotal,
} from "../http/usage/model.ts";
import { BY } from "../pool/usage/groups.ts";
import { pageOfUsage, readUsage } from "../pool/usage/usage.ts";

const text = (maxLength: number, description: string) =>
  t.Optional(t.String({ minLength: 1, maxLength, description }));
const atOf = (field: string, words: string | undefined) =>
  words === undefined ? undefined : instantOf(field, words);
const isoOf = (at: number) => new Date(at).toISOString();

/** GET /usage: how the machines were used. */
export default new Elysia({ name: "usage", normalize: false, tags: ["events"] })
  .use(withDeps)
  .get(
    "/usage",
    async ({ deps, query, request, set }) => {
      const { by = "user", label, format } = query;
      const csv = wantedIn(format, request, ["csv"]);
      const usage = await readUsage(deps, {
        from: atOf("from", query.from),
        to: atOf("to", query.to),
        by,
        label,
      });
      const [from, to] = [isoOf(usage.range.from), isoOf(usage.range.to)];
      if (csv) {
        const name = `usage-by-${by}-${from.slice(0, 10)}-to-${to.slice(0, 10)}`;
        // (The typed client asks for JSON.)
        return new Response(csvOf(columnsOf(by), usage.rows.map(lineOf)), {
          headers: headersOf(csv, name),
        }) as never;
      }
      set.headers.vary = "Accept";
      const page = pageOfUsage(usage, pageIn({ limit: WHOLE, ...query }, request));
      return {
        from,
        to,
        by,
        label: label ?? null,
        history_from: usage.historyFrom === null ? null : isoOf(usage.historyFrom),
        total: totalOf(usage.total),
        failures: usage.failures.map(failuresOf),
        rows: page.rows.map(lineOf),
        ...nextOf(page, { request, set }),
      };
    },
    {
      role: "admin",
      query: t.Object(
        {
          from: text(
            40,
            "an instant with an offset, such as 2026-09-02T13:00:00Z; default: 30 days before to",
          ),
          to: text(40, "the same, at most 366 days later; default: now"),
          by: t.Optional(t.UnionEnum(BY, { default: "user", description: "what the rows are about" })),
          label: text(200, "by=label: which label, such as gpu, or fact, such as fact.os"),
          format: t.Optional(
            oneOf(["json", "csv"], "csv: only the rows, and all of them; also by Accept: text/csv"),
          ),
          ...pageQuery(WHOLE),
        },
        { additionalProperties: false },
      ),
      response: {
        200: t.Object({
          from: t.String({ format: "date-time" }),
          to: t.String({ format: "date-time" }),
          by: oneOf(BY, "as asked for"),
          label: t.Nullable(t.String()),
          history_from: t.Nullable(
            t.String({
              format: "date-time",
              description:
                "what is older has been deleted (HISTORY_DAYS, EVENTS_DAYS); null: the whole range is known",
            }),
          ),
          total: UsageTotal,
          failures: t.Array(UsageFailures),
          rows: t.Array(UsageLine),
          next,
        }),
        400: Problem,
        503: Problem,
      },
      detail: {
        operationId: "getUsage",
        summary: "Show how the machines were used: machine-hours, waits, failures, removals",
        description: "As JSON, or the rows as CSV (`format=csv`, or `Accept: text/csv`).",
      },
    },
  )
  .compile();
