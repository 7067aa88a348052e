import { Elysia, t } from "elysia";
import { withDeps } from "../../http/deps.ts";
import { next, nextOf, pageIn, pageQuery, WHOLE } from "../../http/models/page.ts";
import { Problem } from "../../http/models/problem.ts";
import {
  Count,
  Duration,
  NewReservation,
  newReservationOf,
  Password,
  ReservationRow,
  reservationRowOf,
  Username,
} from "../../http/models/reservation.ts";
import { invalid } from "../../pool/errors.ts";
import { userSeenBy } from "../../pool/identity/principal.ts";
import { reserve } from "../../pool/reservations/reserve.ts";
import { listReservations } from "../../pool/reservations/view.ts";

const PublicKey = t.String({
  pattern:
    "^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)|sk-(ssh-ed25519|ecdsa-sha2-nistp256)@openssh\\.com) [A-Za-z0-9+/]{40,}={0,3}( [ -~]{0,200})?$",
  maxLength: 4096,
  description: 'a public key as in ~/.ssh/id_ed25519.pub: "type base64 comment"',
});

/** GET and POST /reservations. */
export default new Elysia({ name: "reservations", normalize: false, tags: ["reservations"] })
  .use(withDeps)
  .get(
    "/reservations",
    async ({ deps, principal, query, request, set }) => {
      const page = await listReservations(deps, pageIn(query, request), userSeenBy(principal));
      return {
        reservations: page.rows.map((row) => reservationRowOf(row, principal)),
        ...nextOf(page, { request, set }),
      };
    },
    {
      role: "viewer",
      query: t.Object(pageQuery(WHOLE), { additionalProperties: false }),
      response: {
        200: t.Object({ reservations: t.Array(ReservationRow), next }),
        400: Problem,
        503: Problem,
      },
      detail: {
        operationId: "listReservations",
        summary: "List the active reservations, one row per machine",
        description:
          "Each row contains its whole reservation. A reservation of several machines has one row for each, all with the same id.",
      },
    },
  )
  .post(
    "/reservations",
    async ({ deps, body, headers, set, status, principal }) => {
      set.headers["cache-control"] = "no-store";
      const { username, password, ssh_public_keys: keys, count = 1, duration = 60 } = body;
      if (password !== undefined && keys)
        throw invalid("ssh_public_keys", "send either password or ssh_public_keys");
      const granted = await reserve(deps, {
        principal,
        username,
        password,
        keys,
        count,
        durationMinutes: duration,
        idempotencyKey: headers["idempotency-key"],
      });
      return status(201, newReservationOf(granted, principal));
    },
    {
      role: "user",
      headers: t.Object({
        "idempotency-key": t.Optional(
          t.String({
            pattern: "^[!-~]{1,128}$",
            description:
              "1 to 128 printable characters; repeating a key returns the same reservation instead of making another",
          }),
        ),
      }),
      body: t.Object(
        {
          username: Username,
          password: t.Optional(Password),
          ssh_public_keys: t.Optional(
            t.Array(PublicKey, {
              minItems: 1,
              maxItems: 20,
              description: "1 to 20 public keys, instead of a password",
            }),
          ),
          count: t.Optional(Count),
          duration: t.Optional(Duration),
        },
        {
          additionalProperties: false,
          description: "must be a JSON object",
          examples: [{ username: "alice", count: 1, duration: 60 }],
        },
      ),
      response: {
        201: NewReservation,
        400: Problem,
        409: Problem,
        413: Problem,
        415: Problem,
        503: Problem,
        504: Problem,
      },
      detail: {
        operationId: "createReservation",
        summary: "Reserve machines",
        description: "Responds once the account works on every machine.",
      },
    },
  )
  .compile();
