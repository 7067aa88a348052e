import { useEffect } from "preact/hooks";
import { isAdmin, isOpen, session } from "../data/session.ts";
import { hear } from "../data/stream.ts";
import { Field } from "../parts/field.tsx";
import { Notice } from "../parts/notice.tsx";
import { Rows } from "../parts/rows.tsx";
import { Trouble } from "../parts/trouble.tsx";
import { text } from "../text/text.ts";
import { Change } from "./change.tsx";
import { Delete } from "./delete.tsx";
import { MakeToken } from "./make_token.tsx";
import { MakeUser } from "./make_user.tsx";
import { NewToken } from "./new_token.tsx";
import { Revoke } from "./revoke.tsx";
import { asking, load, name, notice, shownTokens, shownUsers, tokens, trouble, users } from "./store.ts";
import { TokenRow } from "./token_row.tsx";
import { UserRow } from "./user_row.tsx";

const words = text.users;

function Lists() {
  if (trouble.value && !users.value) return <Trouble of={trouble.value} again={load} />;
  if (!users.value || !tokens.value) return <p class="rows is-loading">{text.loading}</p>;
  return (
    <>
      <h2>{words.users}</h2>
      {shownUsers.value.length > 0 ? (
        <Rows
          label={words.users}
          all={shownUsers.value}
          row={(user) => <UserRow key={user.name} user={user} />}
        />
      ) : (
        <p class="empty">{users.value.length === 0 ? words.noUsers : words.noMatch}</p>
      )}
      <h2>{words.tokens}</h2>
      {shownTokens.value.length > 0 ? (
        <Rows
          label={words.tokens}
          all={shownTokens.value}
          row={(token) => <TokenRow key={token.id} token={token} />}
        />
      ) : (
        <p class="empty">{tokens.value.length === 0 ? words.noTokens : words.noMatch}</p>
      )}
    </>
  );
}

/** The question that is open, if what it is about is still there. */
function Asking() {
  const open = asking.value;
  if (open?.what === "revoke") {
    const token = tokens.value?.find(({ id }) => id === open.id);
    return token ? <Revoke key={open.id} token={token} /> : null;
  }
  const user = open && users.value?.find((one) => one.name === open.name);
  if (!user) return null;
  return open.what === "change" ? (
    <Change key={user.name} user={user} />
  ) : (
    <Delete key={user.name} user={user} />
  );
}

/** Who may use the API, and with what. */
export default function UsersPage() {
  const admin = isAdmin.value;
  useEffect(() => {
    if (!admin) return;
    void load();
    return hear((events) => {
      if (events === "all" || events.some(({ action }) => /^(user|token)\./.test(action))) void load();
    });
  }, [admin]);
  if (!admin)
    return (
      <>
        <h1>{words.title}</h1>
        {(session.value || isOpen.value) && <p class="empty">{words.adminsOnly}</p>}
      </>
    );
  return (
    <>
      <h1>{words.title}</h1>
      <Notice said={notice} />
      <NewToken />
      <div class="columns">
        <div class="stack">
          <MakeUser />
          <MakeToken />
        </div>
        <section class="stack" aria-label={words.title}>
          <search class="filter" aria-label={text.pool.filter}>
            <Field
              label={text.pool.name}
              type="search"
              value={name.value}
              onValue={(value) => {
                name.value = value;
              }}
            />
          </search>
          <Lists />
        </section>
      </div>
      <Asking />
    </>
  );
}
