import { useSignal } from "@preact/signals";
import { useId } from "preact/hooks";
import { second } from "../data/clock.ts";
import { mayReserve } from "../data/session.ts";
import { wordsOf } from "../parts/act.tsx";
import { Button } from "../parts/button.tsx";
import { More } from "../parts/rows.tsx";
import { At, StartsIn } from "../parts/time.tsx";
import { text } from "../text/text.ts";
import { asking } from "./ask.tsx";
import {
  closeDetails,
  type Details,
  details,
  isOver,
  loadDetails,
  type Occurrence,
  type Series,
} from "./list.ts";
import { ConflictOf } from "./plan.tsx";
import { dateOf, instantIn, localTimeOf, ruleOf } from "./words.ts";

const words = text.series;

function Row({ series, one }: { series: Series; one: Occurrence }) {
  const when = localTimeOf(one.local_time);
  const ask = (what: "end" | "leave out") => () => {
    asking.value = { series, what, occurrence: one };
  };
  return (
    <li>
      <time dateTime={one.starts_at} title={one.starts_at}>
        {when}
      </time>
      <span class="quiet">{text.yours.states[one.state]}</span>
      {one.delay_reason && (
        <span class="wrong">
          <bdi>{one.delay_reason}</bdi>
        </span>
      )}
      {mayReserve.value && one.state === "booked" && (
        <span class="acts">
          <Button onClick={ask("leave out")} label={words.leaveOutOf(when)}>
            {words.leaveOut}
          </Button>
          <Button onClick={ask("end")} label={words.endFromOf(when)}>
            {words.endFrom}
          </Button>
        </span>
      )}
    </li>
  );
}

const STEP = 10;

/** What is booked, from now on, and what could not be. */
function Occurrences({ series, its }: { series: Series; its: Details }) {
  const most = useSignal(STEP);
  const coming = its.occurrences.filter(({ state }) => !["ending", "ended", "failed"].includes(state));
  const conflicts = its.conflicts.filter(({ starts_at: at }) => Date.parse(at) > second.peek());
  const left = coming.length - most.value;
  return (
    <>
      {coming.length === 0 && <p class="quiet">{words.noneBooked}</p>}
      <ul class="occurrences" aria-label={words.occurrences}>
        {coming.slice(0, most.value).map((one) => (
          <Row key={one.id} series={series} one={one} />
        ))}
      </ul>
      <More
        left={left}
        step={STEP * 5}
        onMore={() => {
          most.value += STEP * 5;
        }}
      />
      {conflicts.length > 0 && (
        <>
          <h4>{words.couldNotBe}</h4>
          <ul>
            {conflicts.map((one) => (
              <ConflictOf key={one.starts_at} one={one} zone={series.time_zone} />
            ))}
          </ul>
        </>
      )}
    </>
  );
}

function Facts({ series }: { series: Series }) {
  const { next_starts_at: next, ends_at: ends, except_dates: except } = series;
  return (
    <>
      <p>
        <bdi>{ruleOf(series.rrule, series.starts_at)}</bdi>{" "}
        <span class="quiet">
          {series.time_zone}, {words.each(text.minutes(series.duration_minutes), series.count)}
        </span>
      </p>
      {series.where && (
        <code>
          <bdi>{series.where}</bdi>
        </code>
      )}
      {next && (
        <p>
          {words.next}{" "}
          <time dateTime={next} title={next}>
            {instantIn(series.time_zone, next)}
          </time>{" "}
          (<StartsIn at={next} />)
        </p>
      )}
      {!next && !isOver(series) && <p class="quiet">{words.noneBooked}</p>}
      {ends && (
        <p class="quiet">
          {isOver(series) ? words.hasEnded : words.lasts} <At at={ends} />
        </p>
      )}
      {except.length > 0 && (
        <p class="quiet">
          {words.without} {except.map(dateOf).join(", ")}
        </p>
      )}
    </>
  );
}

/** @param open from the start: it was just made */
export function One({ series, open }: { series: Series; open: boolean }) {
  const id = useId();
  const wrong = useSignal("");
  const its = details.value.get(series.id);
  const toggle = async (event: Event) => {
    if (!(event.currentTarget as HTMLDetailsElement).open) return closeDetails(series.id);
    try {
      await loadDetails(series.id);
      wrong.value = "";
    } catch (error) {
      wrong.value = wordsOf(error);
    }
  };
  return (
    <li>
      <article class="card one-series" aria-labelledby={id}>
        <header>
          <h3 id={id}>
            <bdi>{series.username}</bdi>
          </h3>
          {series.user !== null && series.user !== series.username && (
            <span class="quiet">
              <bdi>{text.reservations.by(series.user)}</bdi>
            </span>
          )}
        </header>
        <Facts series={series} />
        {!isOver(series) && (
          <details onToggle={toggle} open={open}>
            <summary>{words.occurrences}</summary>
            {wrong.value && <p class="wrong">{wrong.value}</p>}
            {its ? (
              <Occurrences series={series} its={its} />
            ) : (
              !wrong.value && <p class="quiet">{text.loading}</p>
            )}
          </details>
        )}
        {mayReserve.value && !isOver(series) && (
          <div class="buttons">
            <Button
              kind="danger"
              onClick={() => {
                asking.value = { series, what: "end", occurrence: undefined };
              }}
            >
              {words.end}
            </Button>
          </div>
        )}
      </article>
    </li>
  );
}
