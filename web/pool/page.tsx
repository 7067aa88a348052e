import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { insist } from "../data/api.ts";
import { loadMachines } from "../data/machines.ts";
import { loadMine } from "../data/reservations.ts";
import { session } from "../data/session.ts";
import { Released } from "../held/release.tsx";
import { Counts, Filter } from "../parts/filter.tsx";
import { Reserve } from "../reserve/form.tsx";
import { text } from "../text/text.ts";
import { Tiles } from "./tiles.tsx";
import { Yours } from "./yours.tsx";

/** The whole pool at a glance, and three clicks to a machine. */
export default function PoolPage() {
  const latest = useSignal<string | undefined>(undefined);
  useEffect(() => {
    void loadMachines();
  }, []);
  const user = session.value?.user;
  useEffect(() => {
    void insist(loadMine);
  }, [user]);
  return (
    <>
      <h1>{text.pages.pool}</h1>
      <Counts />
      <Released />
      <Yours latest={latest.value} />
      <div class="columns">
        <Reserve
          onDone={(id) => {
            latest.value = id;
          }}
        />
        <section class="pool" aria-label={text.pool.machines}>
          <Filter />
          <Tiles />
        </section>
      </div>
    </>
  );
}
