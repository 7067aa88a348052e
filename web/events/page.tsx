import { useEffect, useRef } from "preact/hooks";
import { Button } from "../parts/button.tsx";
import { announce } from "../parts/live.tsx";
import { Trouble } from "../parts/trouble.tsx";
import { text } from "../text/text.ts";
import { Downloads, Filter } from "./filter.tsx";
import { Row } from "./row.tsx";
import {
  clear,
  events,
  follow,
  hasOlder,
  isFiltered,
  isLoading,
  load,
  loadOlder,
  show,
  trouble,
  waiting,
} from "./state.ts";

const words = text.events;

/** Beyond that, somebody has scrolled down to read. */
const TOP_PX = 200;

/** Whether something new at the top would move what somebody reads. */
const isReadIn = (list: HTMLElement | null) =>
  list !== null &&
  (scrollY > TOP_PX ||
    list.contains(document.activeElement) ||
    list.querySelector('[aria-expanded="true"]') !== null);

function Failure() {
  const refusal = trouble.value;
  if (!refusal || (events.value && refusal.details.length > 0)) return null;
  return <Trouble of={refusal} again={load} />;
}

function Older() {
  if (hasOlder.value)
    return (
      <Button busy={isLoading.value} onClick={() => void loadOlder()}>
        {isLoading.value ? words.loadingOlder : words.older}
      </Button>
    );
  return <p class="quiet end">{words.end}</p>;
}

/** New ones, as long as somebody reads what is below. */
function Fresh({ onShow }: { onShow: () => void }) {
  const count = waiting.value.length;
  useEffect(() => {
    if (count > 0) announce(words.freshSaid(count));
  }, [count]);
  if (count === 0) return null;
  return (
    <div class="fresh">
      <Button kind="main" onClick={onShow}>
        {words.fresh(count)}
      </Button>
    </div>
  );
}

function List() {
  const list = useRef<HTMLDivElement>(null);
  useEffect(() => follow(() => isReadIn(list.current)), []);
  const all = events.value;
  const toTop = () => {
    show();
    scrollTo(0, 0);
    list.current?.focus({ preventScroll: true });
    (document.activeElement as HTMLElement | null)?.blur();
  };
  return (
    <>
      <Fresh onShow={toTop} />
      <Failure />
      {!all && !trouble.value && <p class="empty quiet">{text.loading}</p>}
      <div ref={list} tabIndex={-1} aria-busy={isLoading.value}>
        {all && all.length > 0 && (
          <ol class="events" aria-label={words.list}>
            {all.map((event) => (
              <Row key={event.id} event={event} />
            ))}
          </ol>
        )}
      </div>
      {all?.length === 0 && (
        <div class="empty">
          <p>{words.none}</p>
          {isFiltered.value && <Button onClick={clear}>{words.clear}</Button>}
        </div>
      )}
      {all && all.length > 0 && <Older />}
    </>
  );
}

/** Who did what, as it happens. */
export default function EventsPage() {
  return (
    <>
      <div class="title events-title">
        <h1>{text.pages.events}</h1>
        <Downloads />
      </div>
      <Filter />
      <List />
    </>
  );
}
