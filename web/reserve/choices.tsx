import type { Signal } from "@preact/signals";
import { type Errors, intoOf } from "../parts/act.tsx";
import { Choice, Field } from "../parts/field.tsx";
import { text } from "../text/text.ts";
import type { AccessForm } from "./asked.ts";
import { errors, form, into } from "./request.ts";

const words = text.reserve;

interface BasicsProps {
  form: Record<"username" | "count" | "minutes", Signal<string>>;
  errors: Signal<Errors>;
  autocomplete?: string;
  /** gets the focus when its dialog opens */
  autofocus?: boolean;
}

/** For whom, how many, and for how long. */
export function Basics({ form, errors, autocomplete = "off", autofocus = false }: BasicsProps) {
  const { username, count, minutes } = form;
  const into = intoOf(errors);
  const said = errors.value;
  return (
    <>
      <Field
        label={words.username}
        hint={words.usernameHint}
        value={username.value}
        error={said.username}
        autocomplete={autocomplete}
        autofocus={autofocus}
        onValue={into(username, "username")}
      />
      <div class="pair">
        <Field
          label={words.count}
          type="number"
          min={1}
          value={count.value}
          error={said.count}
          onValue={into(count, "count")}
        />
        <Field
          label={words.minutes}
          type="number"
          min={1}
          value={minutes.value}
          error={said.duration}
          onValue={into(minutes, "duration")}
        />
      </div>
    </>
  );
}

/** Which machines, by a label expression. */
export const Where = ({ where, errors }: { where: Signal<string>; errors: Signal<Errors> }) => (
  <Field
    label={words.labels}
    hint={words.labelsHint}
    placeholder={text.pool.labelsHint}
    value={where.value}
    error={errors.value.where}
    onValue={intoOf(errors)(where, "where")}
  />
);

interface AccessProps {
  form: AccessForm;
  errors: Signal<Errors>;
  /** of its group of buttons */
  name: string;
}

/** With a password or a key. */
export function Access({ form, errors, name }: AccessProps) {
  const { access, password, keys } = form;
  const into = intoOf(errors);
  return (
    <>
      <Choice
        legend={words.access}
        name={name}
        value={access.value}
        choices={[
          ["made", words.made],
          ["own", words.own],
          ["key", words.key],
        ]}
        onValue={into(access, "password")}
      />
      {access.value === "own" && (
        <Field
          label={words.password}
          type="password"
          autocomplete="new-password"
          value={password.value}
          error={errors.value.password}
          onValue={into(password, "password")}
        />
      )}
      {access.value === "key" && (
        <Field
          label={words.keys}
          lines={3}
          hint={words.keysHint}
          value={keys.value}
          error={errors.value.ssh_public_keys}
          onValue={into(keys, "ssh_public_keys")}
        />
      )}
    </>
  );
}

/** Now, as soon as possible, or at a time. */
export function When() {
  const { when, wait, startsAt } = form;
  return (
    <>
      <Choice
        legend={words.when}
        name="when"
        value={when.value}
        choices={[
          ["now", words.now],
          ["wait", words.wait],
          ["at", words.at],
        ]}
        onValue={into(when, "starts_at")}
      />
      {when.value === "wait" && (
        <Field
          label={words.waitMinutes}
          type="number"
          min={0}
          value={wait.value}
          error={errors.value.wait}
          onValue={into(wait, "wait")}
        />
      )}
      {when.value === "at" && (
        <Field
          label={words.startsAt}
          type="datetime-local"
          value={startsAt.value}
          error={errors.value.starts_at}
          onValue={into(startsAt, "starts_at")}
        />
      )}
    </>
  );
}
