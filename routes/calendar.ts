import { Elysia, t } from "elysia";
import { withDeps } from "../http/deps.ts";
import { instantOf } from "../http/instant.ts";
import { next, nextOf, pageIn, pageQuery } from "../http/models/page.ts";
import { Problem } from "../http/models/problem.ts";
import { MachineCalendar, machineCalendarOf } from "../http/models/schedule.ts";
import { listCalendar } from "../pool/reservations/calendar.ts";

const WEEK = 7 * 24 * 3600 * 1000;
const instant = (description: string) => t.Optional(t.String({ maxLength: 40, description }));
/** Names in a query, which a URL bounds anyway. */
const Names = t.String({
  pattern: "^[A-Za-z0-9._-]{1,64}(,[A-Za-z0-9._-]{1,64}){0,99}$",
  description: "only these: up to 100 names with commas between them; default: all machines",
});

/** GET /calendar: who has which machine when. */
export default new Elysia({ name: "calendar", normalize: false, tags: ["reservations"] })
  .use(withDeps)
  .get(
    "/calendar",
    async ({ deps, principal, query, request, set }) => {
      const from = query.from === undefined ? new Date() : instantOf("from", query.from);
      const to = query.to === undefined ? new Date(from.getTime() + WEEK) : instantOf("to", query.to);
      const names = query.machines?.split(",");
      const page = await listCalendar(deps, { from, to }, pageIn(query, request), names);
      return {
        from: from.toISOString(),
        to: to.toISOString(),
        machines: page.rows.map((row) => machineCalendarOf(row, principal)),
        ...nextOf(page, { request, set }),
      };
    },
    {
      role: "viewer",
      query: t.Object(
        {
          from: instant("an instant with an offset, such as 2026-09-02T13:00:00Z; default: now"),
          to: instant("the same; default: a week after from"),
          machines: t.Optional(Names),
          ...pageQuery(),
        },
        { additionalProperties: false },
      ),
      response: {
        200: t.Object({
          from: t.String({ format: "date-time" }),
          to: t.String({ format: "date-time" }),
          machines: t.Array(MachineCalendar),
          next,
        }),
        400: Problem,
        503: Problem,
      },
      detail: {
        operationId: "getCalendar",
        summary: "Show who has which machine when, and who will have it",
      },
    },
  )
  .compile();
