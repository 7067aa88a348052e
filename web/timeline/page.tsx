import { useEffect } from "preact/hooks";
import { shown } from "../data/filter.ts";
import { loadMachines } from "../data/machines.ts";
import { Released } from "../held/release.tsx";
import { Button } from "../parts/button.tsx";
import { Counts, Filter } from "../parts/filter.tsx";
import { NoMachines } from "../parts/no_machines.tsx";
import { text } from "../text/text.ts";
import type { Bar } from "./bars.ts";
import { Book } from "./book.tsx";
import { reload, trouble } from "./calendar.ts";
import { Details, open } from "./details.tsx";
import { Grid } from "./grid.tsx";
import { Legend, Tools } from "./tools.tsx";

const words = text.timeline;

const show = ({ entries }: Bar, machine: string): void => {
  open.value = { machine, entries };
};

/** Who has which machine when, like a planner of meeting rooms. */
export default function TimelinePage() {
  useEffect(() => {
    void loadMachines();
  }, []);
  return (
    <>
      <h1>{text.pages.timeline}</h1>
      <Counts />
      <Filter />
      <Tools />
      <Book />
      <Released />
      {trouble.value && (
        <div class="alert" role="alert">
          <p>
            {words.stale} {trouble.value.message || text.noAnswer}
          </p>
          <Button onClick={reload}>{text.tryAgain}</Button>
        </div>
      )}
      {shown.value.length === 0 ? <NoMachines /> : <Grid onOpen={show} />}
      <Legend />
      <p class="hint">{matchMedia("(pointer: coarse)").matches ? words.howTouch : words.how}</p>
      <Details />
    </>
  );
}
