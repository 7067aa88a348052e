import { second } from "../data/clock.ts";
import { Button } from "../parts/button.tsx";
import { At } from "../parts/time.tsx";
import { text } from "../text/text.ts";
import { asking, type Token } from "./store.ts";

const words = text.users;

const Expiry = ({ at }: { at: string | null }) => {
  if (at === null) return <>{words.never}</>;
  return (
    <>
      {Date.parse(at) > second.value ? words.expires : words.expired} <At at={at} />
    </>
  );
};

export function TokenRow({ token }: { token: Token }) {
  const { id, name, user, role, prefix } = token;
  return (
    <li class="row">
      <div class="line">
        <span class="what">
          <strong>
            <bdi>{name}</bdi>
          </strong>
          <span class="quiet">
            <bdi>{words.tokenOf(user)}</bdi>
          </span>
        </span>
        <span class="what">
          <span>{words.roles[role]}</span>
          <code class="quiet">{prefix}…</code>
        </span>
        <span class="what quiet">
          <span>
            {words.made} <At at={token.created_at} />
          </span>
          <span>
            <Expiry at={token.expires_at} />
          </span>
        </span>
        <span class="acts">
          <Button
            kind="danger"
            label={words.revokeOf(name, user)}
            onClick={() => {
              asking.value = { what: "revoke", id };
            }}
          >
            {words.revoke}
          </Button>
        </span>
      </div>
    </li>
  );
}
