// One machine of each kind, with a login to it: Debian in namespaces, BusyBox in a container.
import { accountsOverSsh } from "../../../pool/accounts/accounts.ts";
import type { Target } from "../../../pool/accounts/connect.ts";
import { startMachines, type TestMachine } from "../../support/machines.ts";
import { engine, startContainer } from "./container.ts";
import type { Lookable } from "./look.ts";

export type Kind = "Debian" | "BusyBox";
export const KINDS: Kind[] = ["Debian", "BusyBox"];

/** Whether this kind isn't possible here: BusyBox needs a Docker engine. */
export const lacks = (kind: Kind) => kind === "BusyBox" && !engine;

export interface Box {
  machine: Lookable & { host: string; user: string; password: string };
  target: Target;
  stop(): Promise<void>;
}

export async function startBox(kind: Kind, name: string): Promise<Box> {
  const machine =
    kind === "Debian"
      ? ((await startMachines(1, { prefix: `${name}-` }))[0] as TestMachine)
      : await startContainer(name);
  const { host, port, user, password } = machine;
  const target: Target = { host, port, user, secret: { kind: "password", value: password }, hostKey: null };
  target.hostKey = (await accountsOverSsh(1, 5).look(target)).hostKey;
  return { machine, target, stop: () => machine.stop() };
}
