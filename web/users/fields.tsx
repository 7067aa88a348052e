// The fields that a new user and a change have in common.
import type { Signal } from "@preact/signals";
import { numberIn } from "../data/number.ts";
import { type Errors, intoOf } from "../parts/act.tsx";
import { Choice, Field } from "../parts/field.tsx";
import { text } from "../text/text.ts";
import type { Role } from "./store.ts";

const words = text.users;
const LIMITS = ["max_machines", "max_duration_minutes", "max_requests_per_minute"] as const;
type Limit = (typeof LIMITS)[number];

/** As typed: empty is the default. */
export type Typed = Record<Limit, Signal<string>>;

/** As the API takes them. */
export const limitsIn = (typed: Typed) =>
  Object.fromEntries(
    LIMITS.map((limit) => [limit, typed[limit].value.trim() === "" ? null : numberIn(typed[limit].value)]),
  ) as Record<Limit, number | null>;

export const LimitFields = ({ typed, errors }: { typed: Typed; errors: Signal<Errors> }) => (
  <>
    {LIMITS.map((limit) => (
      <Field
        key={limit}
        label={words.limits[limit]}
        type="number"
        min={0}
        placeholder={words.usual}
        value={typed[limit].value}
        error={errors.value[limit]}
        onValue={intoOf(errors)(typed[limit], limit)}
      />
    ))}
  </>
);

export const RoleField = ({
  value,
  name,
  errors,
}: {
  value: Signal<Role>;
  name: string;
  errors: Signal<Errors>;
}) => (
  <Choice
    legend={words.role}
    name={name}
    value={value.value}
    choices={[
      ["viewer", words.rolesMean.viewer],
      ["user", words.rolesMean.user],
      ["admin", words.rolesMean.admin],
    ]}
    onValue={intoOf(errors)(value, "role")}
  />
);
