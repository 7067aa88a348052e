// Registering a machine: what was typed, and how far it has got. It outlives a visit to another page.
import { batch, signal } from "@preact/signals";
import { api, ask, type Refusal } from "../../data/api.ts";
import { put } from "../../data/machines.ts";
import { numberIn } from "../../data/number.ts";
import { type Errors, errorsOf } from "../../parts/act.tsx";
import { text } from "../../text/text.ts";
import { labelsIn, twiceIn } from "../lines.ts";

export const form = {
  name: signal(""),
  host: signal(""),
  port: signal("22"),
  user: signal("root"),
  access: signal<"password" | "private_key" | "pool_key">("password"),
  password: signal(""),
  privateKey: signal(""),
  labels: signal(""),
};

type Body = NonNullable<Parameters<typeof api.machines.post>[0]>;
const look = (body: Body) => ask(api.machines.post(body, { query: { dry_run: true } }));
const register = (body: Body) => ask(api.machines.post(body));
export type Shown = Extract<Awaited<ReturnType<typeof look>>, { host_key: unknown }>;
export type Registered = Extract<Awaited<ReturnType<typeof register>>, { name: string }>;

/** form: typing; connect: it is asked for its host key; confirm: its key is compared; clean: it is registered; end: it is there */
export const stage = signal<"form" | "connect" | "confirm" | "clean" | "end">("form");
export const shown = signal<Shown | undefined>(undefined);
export const made = signal<Registered | undefined>(undefined);
export const errors = signal<Errors>({});

const FIELDS = ["name", "host", "port", "user", "password", "private_key", "labels", "host_key"];
const FIELD_OF = { machine_exists: "name", address_taken: "host" };

function secret(): Partial<Body> {
  const { access, password, privateKey } = form;
  if (access.value === "pool_key") return { pool_key: true };
  return access.value === "password" ? { password: password.value } : { private_key: privateKey.value };
}

function body(): Body {
  return {
    name: form.name.value.trim(),
    host: form.host.value.trim(),
    port: numberIn(form.port.value),
    user: form.user.value.trim(),
    labels: labelsIn(form.labels.value.split(",")),
    ...secret(),
  };
}

function back(error: unknown): void {
  batch(() => {
    [stage.value, errors.value] = ["form", errorsOf(error, FIELDS, FIELD_OF)];
  });
}

/** Asks which host key the machine shows; nothing is registered or logged in to. */
export async function connect(): Promise<void> {
  const twice = twiceIn(form.labels.value.split(","));
  if (twice !== undefined) {
    errors.value = { labels: text.machines.twice(twice) };
    return;
  }
  batch(() => {
    [stage.value, errors.value, shown.value, made.value] = ["connect", {}, undefined, undefined];
  });
  try {
    const found = await look(body());
    if (!("host_key" in found)) return;
    batch(() => {
      [stage.value, shown.value] = ["confirm", found];
    });
  } catch (error) {
    back(error);
  }
}

/** Registers it with the key that was shown; without one, it waits in quarantine until it answers. */
export async function confirm(): Promise<void> {
  const hostKey = shown.value?.host_key;
  stage.value = "clean";
  try {
    const machine = await register({ ...body(), ...(hostKey ? { host_key: hostKey } : {}) });
    if (!("name" in machine)) return;
    batch(() => {
      const { removed_dirty: _, ...plain } = machine;
      put(machine.name, plain);
      [stage.value, made.value] = ["end", machine];
      [form.password.value, form.privateKey.value] = ["", ""];
    });
  } catch (error) {
    back(error as Refusal);
  }
}

/** Back to the form. @param next for another machine */
export function again(next: boolean): void {
  batch(() => {
    stage.value = "form";
    if (next) [form.name.value, form.host.value] = ["", ""];
  });
}
