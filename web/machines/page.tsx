import { useEffect } from "preact/hooks";
import { loadMachines } from "../data/machines.ts";
import { isAdmin, isOpen, session } from "../data/session.ts";
import { Counts, Filter } from "../parts/filter.tsx";
import { Notice } from "../parts/notice.tsx";
import { text } from "../text/text.ts";
import { Asking } from "./asking.tsx";
import { notice } from "./change.ts";
import { List } from "./list.tsx";
import { Import } from "./new/import.tsx";
import { Register } from "./new/register.tsx";

/** Everything that an admin does with machines. */
export default function MachinesPage() {
  useEffect(() => {
    void loadMachines();
  }, []);
  if (!isAdmin.value)
    return (
      <>
        <h1>{text.pages.machines}</h1>
        {(session.value || isOpen.value) && <p class="empty">{text.machines.adminsOnly}</p>}
      </>
    );
  return (
    <>
      <h1>{text.pages.machines}</h1>
      <Counts />
      <Notice said={notice} />
      <div class="columns">
        <div class="stack">
          <Register />
          <Import />
        </div>
        <section aria-label={text.pool.machines}>
          <Filter />
          <List />
        </section>
      </div>
      <Asking />
    </>
  );
}
