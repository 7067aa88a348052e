// Which time is shown: the day, week or month, and the way to others.
import { Button } from "../parts/button.tsx";
import { Choice, Field } from "../parts/field.tsx";
import { text } from "../text/text.ts";
import { offsets } from "./head.tsx";
import { date, go, goToday, range, VIEWS, view, ZONE } from "./view.ts";
import { titleOf } from "./words.ts";

const words = text.timeline;

export function Tools() {
  return (
    <div class="tools">
      <div class="way">
        <Button onClick={() => go(-1)} label={words.previous[view.value]}>
          ‹
        </Button>
        <Button onClick={goToday}>{words.today}</Button>
        <Button onClick={() => go(1)} label={words.next[view.value]}>
          ›
        </Button>
      </div>
      <h2 aria-live="polite">{titleOf(view.value, range.value)}</h2>
      <p class="quiet">
        <bdi>{ZONE === offsets() ? ZONE : words.zone(ZONE, offsets())}</bdi>
      </p>
      <Field
        label={words.goTo}
        type="date"
        value={date.value}
        onValue={(value) => {
          if (value) date.value = value;
        }}
      />
      <Choice
        legend={words.show}
        name="view"
        value={view.value}
        choices={VIEWS.map((one) => [one, words.views[one]])}
        onValue={(value) => {
          view.value = value;
        }}
      />
    </div>
  );
}

/** What the bars mean. */
export const Legend = () => (
  <ul class="legend" aria-label={words.legend}>
    {(["hold", "booking", "queue", "series", "quarantined", "now"] as const).map((what) => (
      <li key={what}>
        <i class={`key is-${what}`} aria-hidden="true" />
        {words.is[what]}
      </li>
    ))}
  </ul>
);
