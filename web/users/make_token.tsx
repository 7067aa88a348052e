import { signal } from "@preact/signals";
import { useId, useRef } from "preact/hooks";
import { api, ask } from "../data/api.ts";
import { numberIn } from "../data/number.ts";
import { type Errors, errorsOf, focusWrong, intoOf, Wrong } from "../parts/act.tsx";
import { Button } from "../parts/button.tsx";
import { Choice, Field } from "../parts/field.tsx";
import { text } from "../text/text.ts";
import { load, newToken, notice, type Role } from "./store.ts";

const words = text.users;

/** It outlives a visit to another page. */
const form = {
  user: signal(""),
  name: signal(""),
  role: signal<Role | "same">("same"),
  days: signal("90"),
};
const errors = signal<Errors>({});
const into = intoOf(errors);
const busy = signal(false);

async function make(): Promise<void> {
  const { user, name, role, days } = form;
  [busy.value, errors.value] = [true, {}];
  try {
    const made = await ask(
      api.tokens.post({
        user: user.value.trim(),
        name: name.value.trim(),
        ...(role.value === "same" ? {} : { role: role.value }),
        ...(days.value.trim() === "" ? {} : { days: numberIn(days.value) }),
      }),
    );
    if (!("token" in made)) return;
    newToken.value = made;
    [name.value, notice.value] = ["", ""];
    await load();
  } catch (error) {
    errors.value = errorsOf(error, ["user", "name", "role", "days"], { user_not_found: "user" });
  } finally {
    busy.value = false;
  }
}

/** A new token. */
export function MakeToken() {
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
      <h2 id={id}>{words.makeToken}</h2>
      <Field
        label={words.user}
        value={form.user.value}
        error={errors.value.user}
        onValue={into(form.user, "user")}
      />
      <Field
        label={words.tokenName}
        hint={words.tokenNameHint}
        value={form.name.value}
        error={errors.value.name}
        onValue={into(form.name, "name")}
      />
      <Choice
        legend={words.role}
        name="token-role"
        value={form.role.value}
        choices={[
          ["same", words.sameRole],
          ["viewer", words.roles.viewer],
          ["user", words.roles.user],
          ["admin", words.roles.admin],
        ]}
        onValue={into(form.role, "role")}
      />
      <Field
        label={words.days}
        type="number"
        min={1}
        hint={words.daysHint}
        value={form.days.value}
        error={errors.value.days}
        onValue={into(form.days, "days")}
      />
      <Wrong>{errors.value[""] ?? errors.value.role}</Wrong>
      <div class="buttons">
        <Button type="submit" kind="main" busy={busy.value}>
          {words.makeToken}
        </Button>
      </div>
    </form>
  );
}
