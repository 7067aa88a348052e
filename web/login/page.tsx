import { signal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { api, ask, NO_ANSWER, refusalOf, useCsrf } from "../data/api.ts";
import { forgetOthers, isOpen, type Session } from "../data/session.ts";
import { Button } from "../parts/button.tsx";
import { Field } from "../parts/field.tsx";
import { At } from "../parts/time.tsx";
import { text } from "../text/text.ts";
import { nextOf } from "./next.ts";

const words = text.login;
const next = nextOf(location.search, location.hash);

/** null: nobody is logged in; undefined: not known yet */
const session = signal<Session | null | undefined>(isOpen.value ? null : undefined);
const wrong = signal("");
const busy = signal<"password" | "token" | "out" | "">("");
const typed = { user: signal(""), password: signal(""), token: signal("") };

/** Does something that may be refused, and shows why. @returns whether it was done */
async function attempt(what: typeof busy.value, work: () => Promise<unknown>): Promise<boolean> {
  [busy.value, wrong.value] = [what, ""];
  try {
    await work();
    return true;
  } catch (error) {
    const { code, message } = refusalOf(error, false);
    wrong.value = code === NO_ANSWER ? words.noAnswer : message;
    return false;
  } finally {
    busy.value = "";
  }
}

/** Learns who is logged in. */
export async function learn(): Promise<void> {
  if (isOpen.value) return;
  try {
    session.value = await ask(api.session.get());
    // Sent here by a page, although there is a session: browsers don't send it with a link from another site.
    if (location.search) location.replace(next);
  } catch (error) {
    if (refusalOf(error, false).status !== 401) wrong.value = words.noAnswer;
    session.value = null;
  }
}

async function logOut(): Promise<void> {
  const done = await attempt("out", async () => {
    // Asked again: another tab may have logged in as somebody else.
    useCsrf((await ask(api.session.get())).csrf);
    await ask(api.session.delete());
    // What this tab has kept is not for whoever comes next: an admin would collect a password that waits for somebody else.
    sessionStorage.clear();
  });
  if (done) session.value = null;
}

/** POST, so that a password can never end up in an address. */
function By({ what, children }: { what: "password" | "token"; children: preact.ComponentChildren }) {
  const form = useRef<HTMLFormElement>(null);
  const logIn = async (event: Event) => {
    event.preventDefault();
    if (busy.value) return;
    const { user, password, token } = typed;
    const body = what === "token" ? { token: token.value } : { user: user.value, password: password.value };
    const enter = async () => forgetOthers((await ask(api.session.post(body))) as Session);
    if (await attempt(what, enter)) location.assign(next);
    else form.current?.querySelector<HTMLInputElement>("input[type=password]")?.select();
  };
  return (
    <form ref={form} class="card" method="post" action="/session" onSubmit={logIn}>
      <h2>{words[what].title}</h2>
      {children}
      <Button type="submit" kind={what === "password" ? "main" : "plain"} busy={busy.value === what}>
        {words[what].submit}
      </Button>
    </form>
  );
}

const into = (value: (typeof typed)["user"]) => (said: string) => {
  value.value = said;
};

const Forms = () => (
  <section class="logins" aria-label={words.title}>
    <By what="password">
      <Field
        label={words.user}
        name="user"
        autocomplete="username"
        value={typed.user.value}
        onValue={into(typed.user)}
      />
      <Field
        label={words.password.label}
        name="password"
        type="password"
        autocomplete="current-password"
        value={typed.password.value}
        onValue={into(typed.password)}
      />
    </By>
    <By what="token">
      <Field
        label={words.token.label}
        name="token"
        type="password"
        value={typed.token.value}
        onValue={into(typed.token)}
      />
    </By>
  </section>
);

const Who = ({ it }: { it: Session }) => (
  <section class="card" aria-label={words.loggedIn}>
    <p>
      {words.youAre}{" "}
      <strong>
        <bdi>{it.user ?? it.name}</bdi>
      </strong>
      {words.withRole} <strong>{text.session.roles[it.role]}</strong>
      {words.until} <At at={it.ends_at} /> {words.atMost}
    </p>
    <p>
      <a href={next}>{words.goOn}</a>
    </p>
    <div class="buttons">
      <Button onClick={logOut} busy={busy.value === "out"}>
        {text.session.logOut}
      </Button>
    </div>
  </section>
);

const Open = () => (
  <section class="band" aria-label={words.notNeeded}>
    <p>
      {words.open} {text.open.how} <code>just token</code>
    </p>
    <p>
      <a href={next}>{words.goOn}</a>
    </p>
    <p>{words.stillCan}</p>
  </section>
);

export const Login = () => (
  <main class="login">
    <h1>{text.brand}</h1>
    {wrong.value && (
      <p class="alert" role="alert">
        {wrong.value}
      </p>
    )}
    {isOpen.value && <Open />}
    {session.value ? <Who it={session.value} /> : session.value === null && <Forms />}
  </main>
);
