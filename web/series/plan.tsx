import { Button } from "../parts/button.tsx";
import { StartsIn } from "../parts/time.tsx";
import { text } from "../text/text.ts";
import { type Conflict, forecast, form, isLooking, leaveOutDate, noForecast } from "./request.ts";
import { instantIn, localTimeOf } from "./words.ts";

const words = text.series;

/** An occurrence that can't be, why, and when it could. */
export function ConflictOf({
  one,
  zone,
  onLeaveOut,
}: {
  one: Conflict;
  zone: string;
  onLeaveOut?: () => void;
}) {
  const when = localTimeOf(one.local_time);
  return (
    <li class="conflict">
      <p>
        <strong>
          <time dateTime={one.starts_at} title={one.starts_at}>
            {when}
          </time>
        </strong>{" "}
        <bdi>{one.reason}</bdi>
      </p>
      {one.nearest.length > 0 && (
        <p class="quiet">
          {words.nearest}{" "}
          {one.nearest.map((at, n) => (
            <>
              {n > 0 && ", "}
              <time dateTime={at} title={at}>
                {instantIn(zone, at)}
              </time>
            </>
          ))}
        </p>
      )}
      {onLeaveOut && (
        <Button onClick={onLeaveOut} label={words.leaveOutOf(when)}>
          {words.leaveOut}
        </Button>
      )}
    </li>
  );
}

const MOST = 20;

/** What a dry run says of what is typed. */
export function Plan() {
  const said = forecast.value;
  const [first] = said?.occurrences ?? [];
  const count = Number(form.count.value);
  const left = (said?.conflicts.length ?? 0) - MOST;
  return (
    <div class="plan">
      <p class={`outlook ${said && said.conflicts.length === 0 ? "" : "is-no"}`} role="status">
        {!said && (noForecast.value || (isLooking.value ? words.looking : ""))}
        {said && said.matching < count && words.tooFew(said.matching)}
        {said && said.matching >= count && words.wouldBe(said.occurrences.length, said.conflicts.length)}
      </p>
      {first && (
        <p class="quiet">
          {words.first} {localTimeOf(first.local_time)} (<StartsIn at={first.starts_at} />)
        </p>
      )}
      {said && said.conflicts.length > 0 && (
        <ul aria-label={words.conflicts}>
          {said.conflicts.slice(0, MOST).map((one) => (
            <ConflictOf
              key={one.starts_at}
              one={one}
              zone={form.timeZone.value}
              onLeaveOut={() => leaveOutDate(one.local_time.slice(0, 10))}
            />
          ))}
          {left > 0 && <li class="quiet">{words.andMore(left)}</li>}
        </ul>
      )}
    </div>
  );
}
