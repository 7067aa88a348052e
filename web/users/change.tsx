import { useSignal } from "@preact/signals";
import { api, ask } from "../data/api.ts";
import { type Errors, errorsOf, intoOf, Wrong } from "../parts/act.tsx";
import { Dialog } from "../parts/dialog/dialog.tsx";
import { Field } from "../parts/field.tsx";
import { text } from "../text/text.ts";
import { LimitFields, limitsIn, RoleField } from "./fields.tsx";
import { closeQuestion, load, notice, type Role, type User } from "./store.ts";

const words = text.users;
const FIELDS = ["role", "password", "max_machines", "max_duration_minutes", "max_requests_per_minute"];

const typedOf = (limit: number | null) => (limit === null ? "" : `${limit}`);

/** A user's role, limits and password. */
export function Change({ user }: { user: User }) {
  const { name } = user;
  const role = useSignal<Role>(user.role);
  const typed = {
    max_machines: useSignal(typedOf(user.max_machines)),
    max_duration_minutes: useSignal(typedOf(user.max_duration_minutes)),
    max_requests_per_minute: useSignal(typedOf(user.max_requests_per_minute)),
  };
  const password = useSignal("");
  const noPassword = useSignal(false);
  const busy = useSignal(false);
  const errors = useSignal<Errors>({});
  const save = async () => {
    const secret = password.value ? { password: password.value } : {};
    [busy.value, errors.value] = [true, {}];
    try {
      await ask(
        api.users({ name }).patch({
          role: role.value,
          ...limitsIn(typed),
          ...(noPassword.value ? { password: null } : secret),
        }),
      );
      await load();
      notice.value = words.changed(name);
      closeQuestion();
    } catch (error) {
      errors.value = errorsOf(error, FIELDS);
    } finally {
      busy.value = false;
    }
  };
  return (
    <Dialog
      title={words.changeOf(name)}
      act={words.save}
      kind="main"
      busy={busy.value}
      onAct={() => void save()}
      onClose={closeQuestion}
    >
      <p class="quiet">{words.changeMeans}</p>
      <RoleField value={role} name="role" errors={errors} />
      <LimitFields typed={typed} errors={errors} />
      {!noPassword.value && (
        <Field
          label={words.newPassword}
          type="password"
          autocomplete="new-password"
          hint={words.newPasswordHint}
          value={password.value}
          error={errors.value.password}
          onValue={intoOf(errors)(password, "password")}
        />
      )}
      {user.has_password && (
        <label class="check">
          <input
            type="checkbox"
            checked={noPassword.value}
            onChange={(event) => {
              noPassword.value = event.currentTarget.checked;
            }}
          />
          {words.removePassword}
        </label>
      )}
      <Wrong>{errors.value[""] ?? errors.value.role}</Wrong>
    </Dialog>
  );
}
