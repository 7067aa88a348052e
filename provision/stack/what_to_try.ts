// What `just run` prints at the end: where it is, and what to try.
import Type from "typebox";
import Value from "typebox/value";
import type { Driver } from "../driver.ts";
import { addresses } from "./addresses.ts";
import { get } from "./api.ts";

const Machines = Type.Object({
  machines: Type.Array(
    Type.Object({
      name: Type.String(),
      host: Type.String(),
      port: Type.Integer(),
      state: Type.String(),
      drained: Type.Boolean(),
    }),
  ),
});
type Machine = Type.Static<typeof Machines>["machines"][number];

/** How many machines to list. */
const SHOWN = 3;

/** The text, according to the pool's current machines. */
export async function whatToTry(driver: Driver): Promise<string> {
  const { publicUrl } = addresses(driver.settings, driver.mode);
  const answer = await get(driver.api(), "/machines");
  const machines = Value.Check(Machines, answer) ? answer.machines : [];
  const header = driver.settings.secret("ADMIN_TOKEN") ? ' -H "Authorization: Bearer $ADMIN_TOKEN"' : "";
  const stop = driver.mode === "native" ? "just down" : "just docker-down";
  return `
Machine Manager runs at ${publicUrl} (mode: ${driver.mode})

${advice(publicUrl, header, machines)}

In a browser: ${publicUrl}/

Pool:       curl -k${header} ${publicUrl}/available
All calls:  ${publicUrl}/swagger
Stop:       ${stop}     Remove everything: just clean     ("just" not there? npx --yes rust-just ...)`;
}

function advice(url: string, header: string, machines: Machine[]): string {
  if (machines.length === 0) return register();
  const states = machines.map(({ state, drained }) => (drained && state === "available" ? "drained" : state));
  return states.includes("available") ? reserve(url, header, machines) : noneFree(url, header, states);
}

/** Why a reservation can't work now: quarantined machines, for example, because they were made again. */
function noneFree(url: string, header: string, states: string[]): string {
  const counts = Map.groupBy(states, (state) => state);
  const each = [...counts].map(([state, { length }]) => `${length} ${state}`).join(", ");
  return `No machine can be reserved right now: ${each}. This shows why:
  curl -k${header} ${url}/machines
docs/operate.md#troubleshooting says what to do about each \`fault\`.`;
}

function register(): string {
  return `There are no machines in the pool yet. Register one that you can reach over SSH (it prompts for the password):
  just register-machine NAME HOST [PORT] [USER]
Then type just run again to see what to try.`;
}

function reserve(url: string, header: string, machines: Machine[]): string {
  const token = header ? ", and with your token in ADMIN_TOKEN: read -rs ADMIN_TOKEN" : "";
  return `Try next (-k, since the certificate is self-signed${token}):
  curl -k${header} "${url}/reserve?username=alice&password=wonderland&count=1&duration=60"
Then log in with the password above, at the host and port in the response${login(machines)}`;
}

/** Only with a single machine is it known in advance which one a reservation gets. */
function login(machines: Machine[]): string {
  const [one, ...more] = machines;
  if (one && more.length === 0) return `:\n  ssh -p ${one.port} alice@${one.host}`;
  const places = machines.slice(0, SHOWN).map(({ name, host, port }) => `${name} is ${host} -p ${port}`);
  const rest = machines.length > SHOWN ? ", …" : "";
  return ` (${places.join(", ")}${rest}):\n  ssh -p PORT alice@HOST`;
}
