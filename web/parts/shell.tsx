import { useSignal } from "@preact/signals";
import type { ComponentType } from "preact";
import { useEffect } from "preact/hooks";
import { isAdmin, isOpen, session } from "../data/session.ts";
import { connection } from "../data/stream.ts";
import { PAGES } from "../pages.ts";
import { path } from "../route.ts";
import { text } from "../text/text.ts";
import { Button } from "./button.tsx";
import { Live } from "./live.tsx";

function Links() {
  const shown = PAGES.filter(({ admin }) => !admin || isAdmin.value);
  return (
    <nav aria-label={text.nav}>
      {shown.map((page) => (
        <a key={page.path} href={page.path} aria-current={page.path === path.value ? "page" : undefined}>
          {text.pages[page.name]}
        </a>
      ))}
    </nav>
  );
}

const Connection = () => (
  <span class={`connection is-${connection.value}`} role="status">
    {text.connection[connection.value]}
  </span>
);

function Who() {
  const known = session.value;
  const words = known
    ? text.session.as(known.user ?? known.name, text.session.roles[known.role])
    : text.session.logIn;
  return (
    <a href="/login">
      <bdi>{words}</bdi>
    </a>
  );
}

const OpenBand = () => (
  <aside class="band">
    {text.open.band} {text.open.how} <code>just token</code>
  </aside>
);

const current = () => PAGES.find((page) => page.path === path.value);

/** The page of this path, once it is loaded. */
function Page() {
  const page = current();
  const loaded = useSignal<{ of: string; Body: ComponentType } | undefined>(undefined);
  const failed = useSignal(false);
  useEffect(() => {
    document.title = `${page ? text.pages[page.name] : text.notFound} · ${text.brand}`;
    failed.value = false;
    // One that was left before it came must not take the place of the page that is here by then.
    let isLeft = false;
    page?.load().then(
      ({ default: Body }) => {
        if (!isLeft) loaded.value = { of: page.path, Body };
      },
      () => {
        if (!isLeft) failed.value = true;
      },
    );
    return () => {
      isLeft = true;
    };
  }, [page]);
  if (!page) return <p>{text.notFound}</p>;
  // The server doesn't answer, or has other files since an upgrade: a browser doesn't ask again for a module that failed.
  if (failed.value)
    return (
      <div class="empty" role="alert">
        <p>{text.noAnswer}</p>
        <Button onClick={() => location.reload()}>{text.tryAgain}</Button>
      </div>
    );
  const { of, Body } = loaded.value ?? {};
  return of === page.path && Body ? <Body /> : <p class="quiet">{text.loading}</p>;
}

/** What is around every page. */
export const Shell = () => (
  <>
    <a class="skip" href="#main">
      {text.skip}
    </a>
    <header class="top">
      <a class="brand" href="/ui/">
        {text.brand}
      </a>
      <Links />
      <div class="side">
        <Connection />
        <a href="/swagger">{text.api}</a>
        <Who />
      </div>
    </header>
    {isOpen.value && <OpenBand />}
    {/* A page's own styles hold only inside it: two pages may use the same word. */}
    <main id="main" tabIndex={-1} data-page={current()?.name}>
      <Page />
    </main>
    <Live />
  </>
);
