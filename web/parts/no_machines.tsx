import { clear, isFiltered } from "../data/filter.ts";
import { loadMachines, machines, trouble } from "../data/machines.ts";
import { isAdmin } from "../data/session.ts";
import { text } from "../text/text.ts";
import { Button } from "./button.tsx";
import { Trouble } from "./trouble.tsx";

/** Why no machine is shown: they could not be loaded, are being loaded, don't match the filter, or there are none. */
export function NoMachines() {
  if (trouble.value && !machines.value) return <Trouble of={trouble.value} again={loadMachines} />;
  if (!machines.value) return <div class="is-loading">{text.loading}</div>;
  if (isFiltered.value)
    return (
      <div class="empty">
        <p>{text.pool.noMatch}</p>
        <Button onClick={clear}>{text.pool.clear}</Button>
      </div>
    );
  return (
    <div class="empty">
      <p>{text.pool.none}</p>
      <p>{isAdmin.value ? <a href="/ui/machines">{text.machines.register}</a> : text.pool.noneHow}</p>
    </div>
  );
}
