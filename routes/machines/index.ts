import { Elysia, t } from "elysia";
import { withDeps } from "../../http/deps.ts";
import { instantOf } from "../../http/instant.ts";
import {
  HostKey,
  Labels,
  Machine,
  machineOf,
  RegisteredMachine,
  ShownHostKey,
  shownOf,
} from "../../http/models/machine.ts";
import { next, nextOf, pageIn, pageQuery, WHOLE } from "../../http/models/page.ts";
import { Problem } from "../../http/models/problem.ts";
import { Where } from "../../http/models/request.ts";
import { invalid } from "../../pool/errors.ts";
import { type RegisterInput, register } from "../../pool/machines/register.ts";
import { tryRegister } from "../../pool/machines/shown.ts";
import { listMachines } from "../../pool/machines/view.ts";

const ChangedSince = t.String({
  maxLength: 40,
  description:
    "only those that entered their state at this time or later: an instant with an offset, such as 2026-09-02T13:00:00Z",
});

type Secret = RegisterInput["secret"];

const NewMachine = t.Object(
  {
    name: t.String({
      pattern: "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$",
      description: "1 to 63 of A-Z a-z 0-9 . _ -, beginning with a letter or digit",
    }),
    host: t.String({
      pattern: "^([A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9.])?|\\[?[0-9a-fA-F:.]{2,45}\\]?)$",
      description: "a host name or an IP address, as users type it",
    }),
    port: t.Optional(
      t.Integer({
        title: "port",
        minimum: 1,
        maximum: 65535,
        default: 22,
        description: "the SSH port, 1 to 65535",
      }),
    ),
    user: t.Optional(
      t.String({
        pattern: "^[a-z_][a-z0-9_-]{0,31}$",
        default: "root",
        description: "the login that may create accounts: root, or one with `sudo -n`",
      }),
    ),
    password: t.Optional(
      t.String({ minLength: 1, maxLength: 512, description: "the login's password, 1 to 512 characters" }),
    ),
    private_key: t.Optional(
      t.String({
        minLength: 1,
        maxLength: 16_384,
        description: "the login's private key without a passphrase, OpenSSH or PEM",
      }),
    ),
    pool_key: t.Optional(
      t.Literal(true, { description: "true: log in with the pool's own key, which GET /ssh-key shows" }),
    ),
    host_key: t.Optional(HostKey),
    labels: t.Optional(Labels),
  },
  {
    additionalProperties: false,
    description: "must be a JSON object",
    examples: [{ name: "alpine-1", host: "localhost", port: 2221, user: "root", password: "test" }],
  },
);

/** The one kind of login that a request names. */
function secretIn({ password, private_key, pool_key }: typeof NewMachine.static): Secret {
  const given: Secret[] = [];
  if (password !== undefined) given.push({ kind: "password", value: password });
  if (private_key !== undefined) given.push({ kind: "private_key", value: private_key });
  if (pool_key !== undefined) given.push({ kind: "pool_key" });
  const [only, ...more] = given;
  if (only && more.length === 0) return only;
  throw invalid(
    private_key === undefined ? "password" : "private_key",
    "send exactly one of password, private_key and pool_key",
  );
}

/** GET and POST /machines. */
export default new Elysia({ name: "machines", normalize: false, tags: ["machines"] })
  .use(withDeps)
  .get(
    "/machines",
    async ({ deps, principal, query, request, set }) => {
      const { where, changed_since: since, ...place } = query;
      const changedSince = since === undefined ? undefined : instantOf("changed_since", since);
      const page = await listMachines(deps, pageIn(place, request), { where, changedSince });
      return {
        machines: page.rows.map((view) => machineOf(view, principal)),
        ...nextOf(page, { request, set }),
      };
    },
    {
      role: "viewer",
      query: t.Object(
        { ...pageQuery(WHOLE), where: t.Optional(Where), changed_since: t.Optional(ChangedSince) },
        { additionalProperties: false },
      ),
      response: { 200: t.Object({ machines: t.Array(Machine), next }), 400: Problem, 503: Problem },
      detail: { operationId: "listMachines", summary: "List the machines" },
    },
  )
  .post(
    "/machines",
    async ({ deps, body, query, status, principal }) => {
      const input = {
        name: body.name,
        host: body.host,
        port: body.port ?? 22,
        user: body.user ?? "root",
        secret: secretIn(body),
        labels: body.labels ?? {},
        hostKey: body.host_key ?? null,
      };
      if (query.dry_run) return status(200, shownOf(await tryRegister(deps, input)));
      const view = await register(deps, input, query.check ?? true);
      const { removedDirty: left } = view;
      return status(201, {
        ...machineOf(view, principal),
        ...(left
          ? {
              removed_dirty: {
                machine: left.machine,
                removed_at: left.removedAt.toISOString(),
                username: left.username,
                reason: left.reason,
              },
            }
          : {}),
      });
    },
    {
      role: "admin",
      body: NewMachine,
      query: t.Object(
        {
          check: t.Optional(
            t.Boolean({
              title: "check",
              default: true,
              description: "true or false; false: don't contact the machine now",
            }),
          ),
          dry_run: t.Optional(
            t.Boolean({
              default: false,
              description:
                "true or false; true: registers nothing and sends no login, only says which host key the machine shows",
            }),
          ),
        },
        { additionalProperties: false },
      ),
      response: {
        200: ShownHostKey,
        201: RegisteredMachine,
        400: Problem,
        409: Problem,
        413: Problem,
        415: Problem,
        503: Problem,
      },
      detail: {
        operationId: "registerMachine",
        summary: "Register a machine",
        description:
          "Learns its SSH host key. A machine that can't be reached is quarantined, and joins automatically once it can. To see the host key first, ask with ?dry_run=true, and send what it says as host_key.",
      },
    },
  )
  .compile();
