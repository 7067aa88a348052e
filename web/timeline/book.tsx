// The reserve form, filled in with what was selected.
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { mine } from "../data/reservations.ts";
import { Sheet } from "../parts/dialog/sheet.tsx";
import { Reserve } from "../reserve/form.tsx";
import { pick } from "../reserve/request.ts";
import { text } from "../text/text.ts";
import { booking, clearSelection, refused } from "./selection.ts";

const words = text.timeline;

function Form({ leftOut, onDone }: { leftOut: string[]; onDone: (id: string) => void }) {
  useEffect(
    () => () => {
      clearSelection();
      // What was filled in is not what is asked for on the page Pool.
      pick([], undefined, 60);
    },
    [],
  );
  return (
    <>
      {leftOut.length > 0 && (
        <p class="quiet">
          <bdi>{words.leftOut(leftOut.join(", "))}</bdi>
        </p>
      )}
      <Reserve onDone={onDone} />
    </>
  );
}

/** Asks for what is selected; afterwards says what came of it, and where to log in. */
export function Book() {
  const done = useSignal<string | undefined>(undefined);
  const its = done.value === undefined ? undefined : mine.value.get(done.value);
  const close = () => {
    booking.value = undefined;
  };
  const asked = booking.value;
  return (
    <>
      {refused.value && (
        <p class="alert" role="alert">
          {refused.value}
        </p>
      )}
      {done.value && !asked && (
        <p class="notice">
          {its?.state === "booked" ? words.booked(its.machines.length) : words.made}{" "}
          <a href="/ui/">{words.toYours}</a>
        </p>
      )}
      {asked && (
        <Sheet title={text.reserve.title} onClose={close}>
          <Form
            leftOut={asked.leftOut}
            onDone={(id) => {
              done.value = id;
              close();
            }}
          />
        </Sheet>
      )}
    </>
  );
}
