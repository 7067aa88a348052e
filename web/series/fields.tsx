import { useSignal } from "@preact/signals";
import { useId } from "preact/hooks";
import { Button } from "../parts/button.tsx";
import { Choice, Field } from "../parts/field.tsx";
import { text } from "../text/text.ts";
import { DAYS, errors, form, into, leaveOutDate, takeDateBack } from "./request.ts";
import { dateOf, weekday } from "./words.ts";

const words = text.series;

/** On which days of the week. */
export function Days() {
  const { days } = form;
  const toggle = (day: string) => () => {
    const next = new Set(days.value);
    if (!next.delete(day)) next.add(day);
    into(days, "rrule")([...next]);
  };
  return (
    <fieldset class="days">
      <legend>{words.days}</legend>
      <div>
        {DAYS.map((day) => (
          <label key={day}>
            <input
              type="checkbox"
              aria-label={weekday(day, "long")}
              checked={days.value.includes(day)}
              onChange={toggle(day)}
            />
            <span aria-hidden="true">{weekday(day, "short")}</span>
          </label>
        ))}
      </div>
      <p class="hint">{words.daysHint}</p>
    </fieldset>
  );
}

const ZONES =
  (Intl as { supportedValuesOf?: (of: "timeZone") => string[] }).supportedValuesOf?.("timeZone") ?? [];

export function Zone() {
  const id = useId();
  const { timeZone } = form;
  const all = [...new Set([timeZone.value, "UTC", ...ZONES])].sort();
  const wrong = errors.value.time_zone;
  return (
    <div class="field">
      <label for={id}>{words.zone}</label>
      <select
        id={id}
        value={timeZone.value}
        aria-invalid={Boolean(wrong)}
        aria-describedby={wrong ? `${id}-error` : undefined}
        onChange={(event) => into(timeZone, "time_zone")(event.currentTarget.value)}
      >
        {all.map((zone) => (
          <option key={zone}>{zone}</option>
        ))}
      </select>
      {wrong && (
        <p class="wrong" id={`${id}-error`}>
          {wrong}
        </p>
      )}
    </div>
  );
}

export function Ends() {
  const { ends, until, times } = form;
  return (
    <>
      <Choice
        legend={words.ends}
        name="ends"
        value={ends.value}
        choices={[
          ["until", words.until],
          ["after", words.after],
          ["never", words.never],
        ]}
        onValue={into(ends, "rrule")}
      />
      {ends.value === "until" && (
        <Field
          label={words.lastDay}
          type="date"
          value={until.value}
          error={errors.value.rrule}
          onValue={into(until, "rrule")}
        />
      )}
      {ends.value === "after" && (
        <Field
          label={words.times}
          type="number"
          min={1}
          value={times.value}
          error={errors.value.rrule}
          onValue={into(times, "rrule")}
        />
      )}
      {ends.value === "never" && errors.value.rrule && <p class="wrong">{errors.value.rrule}</p>}
    </>
  );
}

/** Dates on which it doesn't occur: holidays, and what can't be booked. */
export function Except() {
  const date = useSignal("");
  const add = () => {
    if (date.value) leaveOutDate(date.value);
    date.value = "";
  };
  return (
    <div class="except">
      <div class="with-button">
        <Field
          label={words.except}
          type="date"
          value={date.value}
          error={errors.value.except_dates}
          onValue={(value) => {
            date.value = value;
          }}
        />
        <Button onClick={add}>{words.add}</Button>
      </div>
      {form.exceptDates.value.length > 0 && (
        <ul class="chips" aria-label={words.leftOut}>
          {form.exceptDates.value.map((one) => (
            <li key={one}>
              <time dateTime={one}>{dateOf(one)}</time>
              <button
                type="button"
                aria-label={words.takeBack(dateOf(one))}
                onClick={() => takeDateBack(one)}
              >
                ×
              </button>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
