import { Elysia, t } from "elysia";
import { withDeps } from "../../../http/deps.ts";
import { Problem } from "../../../http/models/problem.ts";
import { reservationId } from "../../../http/models/released.ts";
import { TEXT } from "../../../http/text.ts";
import { userSeenBy } from "../../../pool/identity/principal.ts";
import { sshConfig } from "../../../pool/reservations/slots/ssh_files.ts";

const KnownHosts = t.String({
  // ssh would expand % and $, and a quotation mark would end it.
  pattern: '^[^"%$\\\\\\u0000-\\u001f\\u007f]+$',
  maxLength: 500,
  default: "known_hosts",
  description:
    'where known_hosts will be: a path without " % $ and \\; relative to the folder that ssh runs in',
});

/** GET /reservations/:id/ssh_config. */
export default new Elysia({ name: "ssh_config", normalize: false, tags: ["reservations"] })
  .use(withDeps)
  .get(
    "/reservations/:id/ssh_config",
    async ({ deps, params: { id }, query, set, principal }) => {
      Object.assign(set.headers, TEXT);
      return sshConfig(deps, id, query.known_hosts ?? "known_hosts", userSeenBy(principal));
    },
    {
      role: "viewer",
      params: reservationId,
      query: t.Object({ known_hosts: t.Optional(KnownHosts) }, { additionalProperties: false }),
      response: {
        200: t.String({ description: "a configuration in which each slot is a host" }),
        400: Problem,
        404: Problem,
        409: Problem,
        503: Problem,
      },
      detail: {
        operationId: "getSshConfig",
        summary: "Get a file for ssh -F",
        description: "Together with known_hosts, it makes `ssh -F ssh_config node1` work.",
      },
    },
  )
  .compile();
