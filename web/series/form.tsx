import { useId, useRef } from "preact/hooks";
import { mayReserve, session } from "../data/session.ts";
import { focusWrong, Wrong } from "../parts/act.tsx";
import { Button } from "../parts/button.tsx";
import { Field } from "../parts/field.tsx";
import { Access, Basics, Where } from "../reserve/choices.tsx";
import { text } from "../text/text.ts";
import { Days, Ends, Except, Zone } from "./fields.tsx";
import { notice } from "./list.ts";
import { Plan } from "./plan.tsx";
import { errors, form, into, isBusy, makeSeries } from "./request.ts";

const words = text.series;
const asked = text.reserve;

const What = () => (
  <>
    <Basics form={form} errors={errors} />
    <Where where={form.where} errors={errors} />
    <Field
      label={words.startsAt}
      hint={words.startsAtHint}
      type="datetime-local"
      value={form.startsAt.value}
      error={errors.value.starts_at}
      onValue={into(form.startsAt, "starts_at")}
    />
    <Zone />
  </>
);

/** @param onMade shows what was made */
export function NewSeries({ onMade }: { onMade: (id: string) => void }) {
  const id = useId();
  const place = useRef<HTMLFormElement>(null);
  const { onConflict } = form;
  if (!mayReserve.value) return session.value ? <p class="quiet card">{asked.viewer}</p> : null;
  const submit = async (event: Event) => {
    event.preventDefault();
    if (isBusy.value) return;
    const made = await makeSeries();
    if (made) {
      notice.value = words.made(made.occurrences.length);
      onMade(made.id);
    } else focusWrong(place);
  };
  return (
    <form ref={place} class="card reserve series-form" aria-labelledby={id} onSubmit={submit} noValidate>
      <h2 id={id}>{words.title}</h2>
      <What />
      <Days />
      <Ends />
      <Except />
      <Access form={form} errors={errors} name="series-access" />
      <label class="check">
        <input
          type="checkbox"
          checked={onConflict.value === "skip"}
          onChange={(event) =>
            into(onConflict, "occurrences")(event.currentTarget.checked ? "skip" : "refuse")
          }
        />
        {words.skip}
      </label>
      <Plan />
      <Wrong>{errors.value[""]}</Wrong>
      <Button type="submit" kind="main" busy={isBusy.value}>
        {isBusy.value ? words.submitting : words.submit}
      </Button>
    </form>
  );
}
