import { Elysia } from "elysia";
import { withAddress } from "./http/address.ts";
import { withOrigin } from "./http/auth/origin.ts";
import { withPrincipal } from "./http/auth/principal.ts";
import { docs } from "./http/docs/docs.ts";
import { withErrors } from "./http/errors.ts";
import { withMethods } from "./http/methods.ts";
import { withTrail } from "./http/trail.ts";
import { ui } from "./http/ui/ui.ts";
import available from "./routes/available.ts";
import calendar from "./routes/calendar.ts";
import events from "./routes/events.ts";
import healthz from "./routes/healthz.ts";
import machine from "./routes/machines/[name].ts";
import machines from "./routes/machines/index.ts";
import queue from "./routes/queue.ts";
import readyz from "./routes/readyz.ts";
import release_all from "./routes/release_all.ts";
import extend from "./routes/reservations/[id]/extend.ts";
import known_hosts from "./routes/reservations/[id]/known_hosts.ts";
import proof from "./routes/reservations/[id]/proof.ts";
import release from "./routes/reservations/[id]/release.ts";
import ssh_config from "./routes/reservations/[id]/ssh_config.ts";
import reservation from "./routes/reservations/[id].ts";
import reservations from "./routes/reservations/index.ts";
import reserve from "./routes/reserve.ts";
import one_series from "./routes/series/[id].ts";
import all_series from "./routes/series/index.ts";
import session from "./routes/session.ts";
import ssh_key from "./routes/ssh-key.ts";
import stream from "./routes/stream.ts";
import token from "./routes/tokens/[id].ts";
import tokens from "./routes/tokens/index.ts";
import usage from "./routes/usage.ts";
import one_user from "./routes/users/[name].ts";
import users from "./routes/users/index.ts";

/** The whole HTTP interface. Routes by name, so that a typed client knows them. */
export const app = new Elysia({ name: "app", normalize: false })
  .use(withMethods)
  .use(withTrail)
  .use(withErrors)
  .use(withAddress)
  .use(withOrigin)
  .use(withPrincipal)
  .use(healthz)
  .use(readyz)
  .use(available)
  .use(reserve)
  .use(release_all)
  .use(machines)
  .use(machine)
  .use(ssh_key)
  .use(reservations)
  .use(reservation)
  .use(extend)
  .use(release)
  .use(ssh_config)
  .use(known_hosts)
  .use(proof)
  .use(all_series)
  .use(one_series)
  .use(queue)
  .use(calendar)
  .use(users)
  .use(one_user)
  .use(tokens)
  .use(token)
  .use(session)
  .use(events)
  .use(stream)
  .use(usage)
  .use(ui)
  .use(docs);

export type App = typeof app;
