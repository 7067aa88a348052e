// Everything that the pages need: real machines, a scheduler, two APIs that ask for a login behind an nginx with TLS, and
// an open one behind another. What the browser's tests do to it (they run on Node) comes by HTTP.

import { build } from "../../../web/build.ts";
import { startPool } from "../../support/pool.ts";
import { type Program, startProgram } from "../../support/program.ts";
import { startProxy } from "../../support/proxy.ts";
import { ssh } from "../../support/ssh.ts";

const TOKEN = "the-token-of-the-dashboards-tests";
const PASSWORD = "a password of everybody's";
/** name → role; all have PASSWORD */
const USERS = { dora: "admin", ann: "user", ben: "user", vic: "viewer" };

export interface Site {
  /** for Playwright's process */
  env: Record<string, string>;
  stop(): Promise<void>;
}

const hostOf = ({ url }: Program) => new URL(url).host;

/** @param size machines, named lab-1, lab-2, … */
export async function startSite(size: number): Promise<Site> {
  const [pool] = await Promise.all([startPool(size, { scheduler: true, prefix: "lab-" }), build()]);
  const closed = { ...pool.settings, ADMIN_TOKEN: TOKEN };
  const apis = await Promise.all([startProgram(closed), startProgram(closed)]);
  const [proxy, open] = await Promise.all([
    // So that tests that kill an API don't wait for 10 s until nginx asks it again.
    startProxy(apis.map((api) => `${hostOf(api)} fail_timeout=1s`).join("; server ")),
    startProxy(hostOf(pool.api)),
  ]);
  for (const [name, role] of Object.entries(USERS))
    await fetch(`${pool.api.url}/users`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ name, role, password: PASSWORD }),
    });

  const machine = (name: string) => {
    const found = pool.machines.find((one) => one.name === name);
    if (!found) throw new Error(`there is no ${name}`);
    return found;
  };
  const does: Record<string, (args: string[]) => unknown> = {
    sql: ([text = "", ...values]) => pool.sql(text, values),
    ssh: ([port = "", username = "", password = "", command = ""]) =>
      ssh({ port: Number(port), username, password }, command),
    exec: ([name = "", command = ""]) => machine(name).exec(command),
    /** where a machine is, and its login */
    machine: ([name = ""]) => {
      const { host, port, user, password } = machine(name);
      return { host, port, user, password };
    },
    "stop machine": ([name = ""]) => machine(name).stop(),
    "restart machine": ([name = ""]) => machine(name).restart(),
    "kill API": ([n = "0"]) => apis[Number(n)]?.stop("SIGKILL"),
    /** if it was killed */
    "start API": async ([n = "0"]) => {
      const api = apis[Number(n)] as Program;
      if (!api.gone()) return;
      const port = Number(new URL(api.url).port);
      apis[Number(n)] = await startProgram(closed, "api", { port });
    },
  };
  const control = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 120,
    async fetch(request) {
      const [what, ...args] = (await request.json()) as string[];
      try {
        return Response.json((await does[what as string]?.(args)) ?? null);
      } catch (error) {
        return new Response(String(error), { status: 500 });
      }
    },
  });
  return {
    env: {
      SITE: `https://127.0.0.1:${proxy.https}`,
      OPEN_SITE: `https://127.0.0.1:${open.https}`,
      API: pool.api.url,
      CONTROL: control.url.href,
      PASSWORD,
      TOKEN,
    },
    async stop() {
      await Promise.all([control.stop(true), proxy.stop(), open.stop()]);
      await Promise.all(apis.map((api) => api.stop("SIGKILL")));
      await pool.stop();
    },
  };
}
