import type { ComponentChildren } from "preact";
import { useEffect, useId } from "preact/hooks";
import type { Reservation } from "../data/reservations.ts";
import { isAdmin, isOpen, mayReserve, session } from "../data/session.ts";
import { Released } from "../held/release.tsx";
import { Button } from "../parts/button.tsx";
import { Choice } from "../parts/field.tsx";
import { Trouble } from "../parts/trouble.tsx";
import { text } from "../text/text.ts";
import { coming, followLists, held, type List, over, resetAll, whose } from "./lists.ts";
import { Asking, One } from "./one.tsx";
import { Past } from "./past.tsx";

const words = text.reservations;

interface SectionProps {
  title: string;
  list: List;
  /** what is there if there is none */
  empty: ComponentChildren;
  draw: (it: Reservation) => ComponentChildren;
  kind: "cards" | "history";
}

function Section({ title, list, empty, draw, kind }: SectionProps) {
  const id = useId();
  const rows = list.rows.value;
  const trouble = list.trouble.value;
  return (
    <section class="reservations" aria-labelledby={id}>
      <h2 id={id}>{title}</h2>
      {trouble && <Trouble of={trouble} again={list.load} />}
      {!rows && !trouble && <p class="quiet">{text.loading}</p>}
      {rows?.length === 0 && empty}
      {rows && rows.length > 0 && <ul class={kind}>{rows.map(draw)}</ul>}
      {list.hasMore.value && <Button onClick={list.more}>{words.more}</Button>}
    </section>
  );
}

const Nothing = () => (
  <div class="empty">
    <p>{whose.value === "all" ? words.nobodyHas : words.youHaveNone}</p>
    {mayReserve.value && (
      <a class="button is-main" href="/ui/">
        {words.reserve}
      </a>
    )}
  </div>
);

/** Admins choose whose; in an open API, and with ADMIN_TOKEN, nothing is one's own. */
function Whose() {
  if (!isAdmin.value || !session.value?.user) return null;
  return (
    <Choice
      legend={words.whose}
      name="whose"
      value={whose.value}
      choices={[
        ["mine", words.mine],
        ["all", words.all],
      ]}
      onValue={(value) => {
        whose.value = value;
      }}
    />
  );
}

/** What one has, waits for, and had; for admins, everybody. */
export default function ReservationsPage() {
  const known = session.value;
  const isKnown = isOpen.value || known !== undefined;
  // A viewer has none, and may see everybody's.
  if (isKnown && (!known?.user || known.role === "viewer")) whose.value = "all";
  useEffect(() => {
    if (isKnown) resetAll();
  }, [isKnown, whose.value]);
  useEffect(followLists, []);
  return (
    <>
      <div class="heading">
        <h1>{text.pages.reservations}</h1>
        <Whose />
      </div>
      <Released />
      <Section
        title={words.now}
        list={held}
        empty={<Nothing />}
        kind="cards"
        draw={(it) => <One key={it.id} it={it} />}
      />
      <Section
        title={words.coming}
        list={coming}
        empty={<p class="quiet">{words.noneComing}</p>}
        kind="cards"
        draw={(it) => <One key={it.id} it={it} />}
      />
      <Section
        title={words.over}
        list={over}
        empty={<p class="quiet">{words.noneOver}</p>}
        kind="history"
        draw={(it) => <Past key={it.id} it={it} />}
      />
      <Asking />
    </>
  );
}
