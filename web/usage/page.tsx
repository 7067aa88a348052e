import { useEffect } from "preact/hooks";
import { now } from "../data/clock.ts";
import { loadMachines } from "../data/machines.ts";
import { Trouble } from "../parts/trouble.tsx";
import { text, timeOf } from "../text/text.ts";
import { Figures } from "./figures.tsx";
import { ByLabel, ByUser, Failures } from "./groups.tsx";
import { count, hours, took } from "./numbers.ts";
import { RangeChoice } from "./range.tsx";
import { byDay, follow, isLoading, load, trouble, type Usage } from "./state.ts";

const words = text.usage;

const Totals = ({ total }: Pick<Usage, "total">) => {
  const share = total.pool_hours > 0 ? Math.round((100 * total.machine_hours) / total.pool_hours) : 0;
  const all: [string, string, string?][] = [
    [words.used, words.hours(hours(total.machine_hours)), words.share(share)],
    [words.started, count(total.reservations), words.failedToo(total.failed)],
    [words.wait, took(total.wait_median_seconds), words.p95Is(took(total.wait_p95_seconds))],
    [words.removal, took(total.removal_median_seconds), words.p95Is(took(total.removal_p95_seconds))],
  ];
  return (
    <dl class="totals">
      {all.map(([name, value, more]) => (
        <div key={name} class="card">
          <dt>{name}</dt>
          <dd>
            <strong>{value}</strong>
            <span class="quiet">{more}</span>
          </dd>
        </div>
      ))}
    </dl>
  );
};

function Body() {
  const usage = byDay.value;
  if (!usage && trouble.value) return <Trouble of={trouble.value} again={load} />;
  if (!usage) return <p class="empty quiet">{text.loading}</p>;
  const isEmpty = usage.total.held_hours === 0 && usage.total.failed === 0 && usage.failures.length === 0;
  return (
    <div class="found" aria-busy={isLoading.value}>
      {trouble.value && trouble.value.details.length === 0 && (
        <p class="alert" role="alert">
          {trouble.value.message || text.noAnswer}
        </p>
      )}
      {usage.history_from && (
        <p class="note">
          {words.historyFrom} <time dateTime={usage.history_from}>{timeOf(usage.history_from, now())}</time>.
        </p>
      )}
      {isEmpty ? (
        <p class="empty quiet">{words.nothing}</p>
      ) : (
        <>
          <Totals total={usage.total} />
          <Figures rows={usage.rows} />
          <div class="figures">
            <ByUser />
            <ByLabel />
            <Failures failures={usage.failures} />
          </div>
        </>
      )}
      <p class="hint">{words.utc}</p>
    </div>
  );
}

/** How the machines were used. */
export default function UsagePage() {
  useEffect(() => {
    void loadMachines();
    return follow();
  }, []);
  return (
    <>
      <div class="title">
        <h1>{text.pages.usage}</h1>
        <span class="quiet" role="status">
          {isLoading.value ? text.loading : ""}
        </span>
      </div>
      <RangeChoice />
      <Body />
    </>
  );
}
