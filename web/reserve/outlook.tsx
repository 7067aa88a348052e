import { now } from "../data/clock.ts";
import { kindOf, machines } from "../data/machines.ts";
import { Badge } from "../parts/badge.tsx";
import { text, timeOf } from "../text/text.ts";
import { forecast, form, noForecast } from "./request.ts";

const words = text.reserve;

/** "7 match, 2 free, next at 14:20" */
export function Outlook() {
  const said = forecast.value;
  const at = said?.starts_at ?? null;
  const isAhead = form.when.value === "at";
  const when = (it: string) => {
    const time = timeOf(it, now());
    if (isAhead) return words.possible(time);
    return said?.reason === null ? words.startsNow : words.next(time);
  };
  const parts = said && [
    words.matching(said.matching),
    // How many are free now says nothing of a time ahead.
    ...(isAhead ? [] : [words.free(said.free_now)]),
    ...(at === null ? [] : [when(at)]),
  ];
  return (
    <p class={`outlook ${at === null ? "is-no" : ""}`} role="status">
      {parts?.join(", ") ?? noForecast.value}
      {said && at === null && <bdi class="quiet"> {said.reason}</bdi>}
    </p>
  );
}

/** The machines that are being prepared for it. */
export function Progress() {
  const name = form.username.value.trim();
  const its = (machines.value ?? []).filter(
    (one) => one.holder?.username === name && ["preparing", "reserved"].includes(one.state),
  );
  return (
    <div class="progress" role="status">
      <p>{words.preparing}</p>
      <ul>
        {its.map((one) => (
          <li key={one.name}>
            <bdi>{one.name}</bdi> <Badge kind={kindOf(one)} />
          </li>
        ))}
      </ul>
    </div>
  );
}
