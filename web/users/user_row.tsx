import { session } from "../data/session.ts";
import { Button } from "../parts/button.tsx";
import { text } from "../text/text.ts";
import { asking, tokens, type User } from "./store.ts";

const words = text.users;

/** A limit in words, or that it is the default. */
const said = (limit: number | null, in_words: (n: number) => string) =>
  limit === null ? null : in_words(limit);

function limitsOf(user: User): string {
  const own = [
    said(user.max_machines, words.atOnce),
    said(user.max_duration_minutes, words.atMost),
    said(user.max_requests_per_minute, words.perMinute),
  ].filter((one) => one !== null);
  return own.length > 0 ? own.join(", ") : words.usualLimits;
}

export function UserRow({ user }: { user: User }) {
  const { name, role, has_password } = user;
  const count = (tokens.value ?? []).filter((one) => one.user === name).length;
  return (
    <li class="row">
      <div class="line">
        <span class="what">
          <strong>
            <bdi>{name}</bdi>
          </strong>
          <span class="quiet">
            {words.roles[role]}
            {session.value?.user === name && ` · ${words.you}`}
          </span>
        </span>
        <span class="what">
          <span>{has_password ? words.withPassword : words.withoutPassword}</span>
          <span class="quiet">{words.tokenCount(count)}</span>
        </span>
        <span class="what quiet">{limitsOf(user)}</span>
        <span class="acts">
          <Button
            label={words.changeOf(name)}
            onClick={() => {
              asking.value = { what: "change", name };
            }}
          >
            {words.change}
          </Button>
          <Button
            kind="danger"
            label={words.deleteOf(name)}
            onClick={() => {
              asking.value = { what: "delete", name };
            }}
          >
            {words.delete}
          </Button>
        </span>
      </div>
    </li>
  );
}
