import { useId, useRef } from "preact/hooks";
import { now } from "../data/clock.ts";
import type { Reservation } from "../data/reservations.ts";
import { mayReserve, session } from "../data/session.ts";
import { focusWrong, Wrong } from "../parts/act.tsx";
import { Button } from "../parts/button.tsx";
import { Field } from "../parts/field.tsx";
import { announce } from "../parts/live.tsx";
import { text } from "../text/text.ts";
import { Access, Basics, When, Where } from "./choices.tsx";
import { Outlook, Progress } from "./outlook.tsx";
import { errors, form, into, isBusy, leaveOut, localIn, reserve } from "./request.ts";

const words = text.reserve;

/** Typing a time fills in the minutes until then; of a time that is past, the API says what is wrong. */
function setUntil(local: string): void {
  const start = form.when.value === "at" ? Date.parse(form.startsAt.value) : now();
  const until = Date.parse(local);
  const minutes = Math.ceil((until - start) / 60_000);
  // A year whose last digits have yet to be typed is no time that somebody wants.
  if (until > 0 && Number.isFinite(minutes)) into(form.minutes, "duration")(String(minutes));
}

/** The time until which the minutes last, as the browser's field has it: local, without a zone. */
function untilOf(): string {
  const start = form.when.value === "at" ? Date.parse(form.startsAt.value) : now();
  const end = start + Number(form.minutes.value) * 60_000;
  return Number.isFinite(end) ? localIn(end) : "";
}

/** The machines that were picked, each to be left out again. */
function Picked() {
  const names = form.machines.value;
  if (names.length === 0) return null;
  return (
    <fieldset class="picked">
      <legend>{words.picked}</legend>
      <ul>
        {names.map((name) => (
          <li key={name}>
            <bdi>{name}</bdi>
            <button type="button" aria-label={words.leaveOut(name)} onClick={() => leaveOut(name)}>
              ×
            </button>
          </li>
        ))}
      </ul>
      {errors.value.machines && <p class="wrong">{errors.value.machines}</p>}
    </fieldset>
  );
}

const What = () => (
  <>
    <Basics
      form={form}
      errors={errors}
      autocomplete={session.value ? "off" : "username"}
      // In its dialog the first would be what leaves a machine out, and a second Enter would do that.
      autofocus={form.machines.value.length > 0}
    />
    <Field
      label={words.until}
      hint={words.untilHint}
      type="datetime-local"
      value={untilOf()}
      onValue={setUntil}
    />
    <Where where={form.where} errors={errors} />
  </>
);

function outcomeOf({ state, machines: got }: Reservation): string {
  if (state === "queued") return words.waiting;
  return state === "booked" ? words.booked : words.done(got.length);
}

/** @param onDone shows what was made */
export function Reserve({ onDone }: { onDone: (id: string) => void }) {
  const id = useId();
  const place = useRef<HTMLFormElement>(null);
  if (!mayReserve.value) return session.value ? <p class="quiet card">{words.viewer}</p> : null;
  const submit = async (event: Event) => {
    event.preventDefault();
    if (isBusy.value) return;
    const made = await reserve();
    if (made) {
      announce(outcomeOf(made));
      onDone(made.id);
    } else focusWrong(place);
  };
  return (
    <form ref={place} class="card reserve" aria-labelledby={id} onSubmit={submit} noValidate>
      <h2 id={id}>{words.title}</h2>
      <Picked />
      <What />
      <When />
      <Access form={form} errors={errors} name="access" />
      <Outlook />
      <Wrong>{errors.value[""]}</Wrong>
      <Button type="submit" kind="main" busy={isBusy.value}>
        {isBusy.value ? words.submitting : words.submit}
      </Button>
      {isBusy.value && <Progress />}
    </form>
  );
}
