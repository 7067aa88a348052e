import { Elysia, t } from "elysia";
import { withDeps } from "../../../http/deps.ts";
import { Problem } from "../../../http/models/problem.ts";
import { reservationId } from "../../../http/models/released.ts";
import { TEXT } from "../../../http/text.ts";
import { userSeenBy } from "../../../pool/identity/principal.ts";
import { knownHosts } from "../../../pool/reservations/slots/ssh_files.ts";

/** GET /reservations/:id/known_hosts. */
export default new Elysia({ name: "known_hosts", normalize: false, tags: ["reservations"] })
  .use(withDeps)
  .get(
    "/reservations/:id/known_hosts",
    async ({ deps, params: { id }, set, principal }) => {
      Object.assign(set.headers, TEXT);
      return knownHosts(deps, id, userSeenBy(principal));
    },
    {
      role: "viewer",
      params: reservationId,
      response: {
        200: t.String({ description: "a line for each machine: its name, and its host key" }),
        400: Problem,
        404: Problem,
        409: Problem,
        503: Problem,
      },
      detail: { operationId: "getKnownHosts", summary: "Get the host keys of a reservation's machines" },
    },
  )
  .compile();
