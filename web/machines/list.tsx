import { signal } from "@preact/signals";
import { clear, isFiltered, shown } from "../data/filter.ts";
import { loadMachines, machines, trouble } from "../data/machines.ts";
import { Button } from "../parts/button.tsx";
import { text } from "../text/text.ts";
import { Row } from "./row.tsx";

/** So many at first, and more on request: a browser lays out ten thousand slowly. */
const STEP = 100;
const most = signal(STEP);

const Nothing = () =>
  isFiltered.value ? (
    <div class="empty">
      <p>{text.pool.noMatch}</p>
      <Button onClick={clear}>{text.pool.clear}</Button>
    </div>
  ) : (
    <div class="empty">
      <p>{text.pool.none}</p>
      <p class="quiet">{text.machines.noneHow}</p>
    </div>
  );

export function List() {
  if (trouble.value && !machines.value)
    return (
      <div class="empty" role="alert">
        <p>{trouble.value.message || text.noAnswer}</p>
        <Button onClick={() => void loadMachines()}>{text.tryAgain}</Button>
      </div>
    );
  if (!machines.value) return <p class="rows is-loading">{text.loading}</p>;
  if (shown.value.length === 0) return <Nothing />;
  const left = shown.value.length - most.value;
  return (
    <>
      <ul class="rows" aria-label={text.pool.machines}>
        {shown.value.slice(0, most.value).map((machine) => (
          <Row key={machine.name} machine={machine} />
        ))}
      </ul>
      {left > 0 && (
        <Button
          onClick={() => {
            most.value += STEP;
          }}
        >
          {text.pool.more(Math.min(left, STEP))}
        </Button>
      )}
    </>
  );
}
