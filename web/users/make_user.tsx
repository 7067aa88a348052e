import { signal } from "@preact/signals";
import { useId, useRef } from "preact/hooks";
import { api, ask } from "../data/api.ts";
import { type Errors, errorsOf, focusWrong, intoOf, Wrong } from "../parts/act.tsx";
import { Button } from "../parts/button.tsx";
import { Field } from "../parts/field.tsx";
import { text } from "../text/text.ts";
import { LimitFields, limitsIn, RoleField } from "./fields.tsx";
import { load, notice, type Role } from "./store.ts";

const words = text.users;
const FIELDS = [
  "name",
  "role",
  "password",
  "max_machines",
  "max_duration_minutes",
  "max_requests_per_minute",
];

/** It outlives a visit to another page. */
const form = {
  name: signal(""),
  role: signal<Role>("user"),
  password: signal(""),
  max_machines: signal(""),
  max_duration_minutes: signal(""),
  max_requests_per_minute: signal(""),
};
const errors = signal<Errors>({});
const into = intoOf(errors);
const busy = signal(false);

async function make(): Promise<void> {
  const name = form.name.value.trim();
  const password = form.password.value;
  [busy.value, errors.value] = [true, {}];
  try {
    const limits = limitsIn(form);
    await ask(api.users.post({ name, role: form.role.value, ...limits, ...(password ? { password } : {}) }));
    await load();
    for (const field of Object.values(form)) if (field !== form.role) field.value = "";
    notice.value = words.madeUser(name);
  } catch (error) {
    errors.value = errorsOf(error, FIELDS, { user_exists: "name" });
  } finally {
    busy.value = false;
  }
}

/** A new user. */
export function MakeUser() {
  const id = useId();
  const place = useRef<HTMLFormElement>(null);
  const submit = async (event: Event) => {
    event.preventDefault();
    if (busy.value) return;
    await make();
    focusWrong(place);
  };
  return (
    <form ref={place} class="card" aria-labelledby={id} onSubmit={submit} noValidate>
      <h2 id={id}>{words.makeUser}</h2>
      <Field
        label={words.name}
        value={form.name.value}
        error={errors.value.name}
        onValue={into(form.name, "name")}
      />
      <RoleField value={form.role} name="new-role" errors={errors} />
      <Field
        label={words.password}
        type="password"
        autocomplete="new-password"
        hint={words.passwordHint}
        value={form.password.value}
        error={errors.value.password}
        onValue={into(form.password, "password")}
      />
      <details open={FIELDS.slice(3).some((field) => errors.value[field])}>
        <summary>{words.ownLimits}</summary>
        <LimitFields typed={form} errors={errors} />
      </details>
      <Wrong>{errors.value[""] ?? errors.value.role}</Wrong>
      <div class="buttons">
        <Button type="submit" kind="main" busy={busy.value}>
          {words.makeUser}
        </Button>
      </div>
    </form>
  );
}
