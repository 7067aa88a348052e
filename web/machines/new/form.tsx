import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { api, ask } from "../../data/api.ts";
import { intoOf, wordsOf } from "../../parts/act.tsx";
import { Copy } from "../../parts/copy.tsx";
import { Choice, Field } from "../../parts/field.tsx";
import { text } from "../../text/text.ts";
import { errors, form } from "./machine.ts";

const words = text.machines;

const into = intoOf(errors);

/** The pool's own key, for the machine's authorized_keys. */
function PoolKey() {
  const key = useSignal("");
  const wrong = useSignal("");
  useEffect(() => {
    ask(api["ssh-key"].get())
      .then(({ public_key }) => {
        key.value = public_key;
      })
      .catch((error) => {
        wrong.value = wordsOf(error);
      });
  }, []);
  return (
    <div class="field">
      <p class="hint">{words.poolKeyHow}</p>
      {key.value && <Copy name={words.poolKey}>{key.value}</Copy>}
      {wrong.value && <p class="wrong">{wrong.value}</p>}
    </div>
  );
}

function Access() {
  const { access, password, privateKey } = form;
  return (
    <>
      <Choice
        legend={words.access}
        name="login"
        value={access.value}
        choices={[
          ["password", words.password],
          ["private_key", words.privateKey],
          ["pool_key", words.poolKey],
        ]}
        onValue={into(access, "password")}
      />
      {access.value === "password" && (
        <Field
          label={words.password}
          type="password"
          autocomplete="new-password"
          value={password.value}
          error={errors.value.password}
          onValue={into(password, "password")}
        />
      )}
      {access.value === "private_key" && (
        <Field
          label={words.privateKey}
          lines={4}
          hint={words.privateKeyHint}
          value={privateKey.value}
          error={errors.value.private_key}
          onValue={into(privateKey, "private_key")}
        />
      )}
      {access.value === "pool_key" && <PoolKey />}
    </>
  );
}

export function Form() {
  const said = errors.value;
  return (
    <>
      <Field label={words.name} value={form.name.value} error={said.name} onValue={into(form.name, "name")} />
      <Field
        label={words.host}
        hint={words.hostHint}
        value={form.host.value}
        error={said.host}
        onValue={into(form.host, "host")}
      />
      <div class="pair">
        <Field
          label={words.port}
          type="number"
          min={1}
          value={form.port.value}
          error={said.port}
          onValue={into(form.port, "port")}
        />
        <Field
          label={words.user}
          value={form.user.value}
          error={said.user}
          onValue={into(form.user, "user")}
        />
      </div>
      <Access />
      <Field
        label={words.labels}
        hint={words.labelsHint}
        value={form.labels.value}
        error={said.labels}
        onValue={into(form.labels, "labels")}
      />
    </>
  );
}
