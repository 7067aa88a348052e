import { useSignal } from "@preact/signals";
import { useEffect, useId } from "preact/hooks";
import { isOpen, session } from "../data/session.ts";
import { Button } from "../parts/button.tsx";
import { Notice } from "../parts/notice.tsx";
import { Trouble } from "../parts/trouble.tsx";
import { text } from "../text/text.ts";
import { Asking } from "./ask.tsx";
import { NewSeries } from "./form.tsx";
import { all, followSeries, hasMore, loadSeries, notice, showMore, trouble } from "./list.ts";
import { One } from "./one.tsx";
import { foreseeSoon } from "./request.ts";

const words = text.series;

function List({ latest }: { latest: string | undefined }) {
  const rows = all.value;
  if (trouble.value && !rows) return <Trouble of={trouble.value} again={loadSeries} />;
  if (!rows) return <p class="quiet">{text.loading}</p>;
  if (rows.length === 0)
    return (
      <div class="empty">
        <p>{words.noSeries}</p>
      </div>
    );
  return (
    <>
      <ul class="series-list">
        {rows.map((series) => (
          <One key={series.id} series={series} open={series.id === latest} />
        ))}
      </ul>
      {hasMore.value && <Button onClick={showMore}>{text.reservations.more}</Button>}
    </>
  );
}

/** Machines for every week: a class. */
export default function SeriesPage() {
  const id = useId();
  const latest = useSignal<string | undefined>(undefined);
  const isKnown = isOpen.value || session.value !== undefined;
  useEffect(() => {
    if (isKnown) void loadSeries();
  }, [isKnown]);
  useEffect(followSeries, []);
  // What others have reserved meanwhile may be a conflict.
  useEffect(foreseeSoon, [all.value]);
  return (
    <>
      <h1>{text.pages.series}</h1>
      <div class="columns series-page">
        <NewSeries
          onMade={(made) => {
            latest.value = made;
            void loadSeries();
          }}
        />
        <section aria-labelledby={id}>
          <h2 id={id}>{words.yours}</h2>
          <Notice said={notice} />
          <List latest={latest.value} />
        </section>
      </div>
      <Asking />
    </>
  );
}
