import { clear, isFiltered, shown } from "../data/filter.ts";
import { loadMachines, machines, trouble } from "../data/machines.ts";
import { Button } from "../parts/button.tsx";
import { Rows } from "../parts/rows.tsx";
import { Trouble } from "../parts/trouble.tsx";
import { text } from "../text/text.ts";
import { Row } from "./row.tsx";

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
  if (trouble.value && !machines.value) return <Trouble of={trouble.value} again={loadMachines} />;
  if (!machines.value) return <p class="rows is-loading">{text.loading}</p>;
  if (shown.value.length === 0) return <Nothing />;
  return (
    <Rows
      label={text.pool.machines}
      all={shown.value}
      row={(machine) => <Row key={machine.name} machine={machine} />}
    />
  );
}
