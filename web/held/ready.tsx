import { useSignal } from "@preact/signals";
import { collect, isMadeHere, passwords, type Reservation } from "../data/reservations.ts";
import { mayReserve, session } from "../data/session.ts";
import { wordsOf } from "../parts/act.tsx";
import { Button } from "../parts/button.tsx";
import { Copy } from "../parts/copy.tsx";
import { text } from "../text/text.ts";
import { Config } from "./config.tsx";
import { namesOf } from "./names.ts";

const words = text.yours;

type Place = Reservation["machines"][number];
export const sshTo = (username: string, { host, port }: Place) =>
  `ssh ${port === 22 ? "" : `-p ${port} `}${username}@${host}`;

/** A password that nobody was told yet: told once, to whoever asks first, so somebody has to ask. */
function Untold({ id }: { id: string }) {
  const busy = useSignal(false);
  const said = useSignal("");
  const show = async () => {
    busy.value = true;
    try {
      if (!(await collect(id))) said.value = words.noPassword;
    } catch (error) {
      said.value = wordsOf(error);
    } finally {
      busy.value = false;
    }
  };
  if (said.value)
    return (
      <p class="hint" role="status">
        {said.value}
      </p>
    );
  return (
    <div>
      <Button busy={busy.value} onClick={show}>
        {words.showPassword}
      </Button>
      <p class="hint">{words.toldOnce}</p>
    </div>
  );
}

/** What to log in with, and where. */
export function Ready({ it }: { it: Reservation }) {
  const password = passwords.value.get(it.id);
  const names = namesOf(it.machines.map(({ machine }) => machine));
  const isTheirs = mayReserve.value && it.user === (session.value?.user ?? null);
  return (
    <>
      {password && (
        <div>
          <h4>{words.password}</h4>
          <Copy name={`${words.password}: ${names}`}>{password}</Copy>
          <p class="hint">{words.once}</p>
        </div>
      )}
      {!password &&
        (isTheirs && !isMadeHere(it.id) ? <Untold id={it.id} /> : <p class="hint">{words.ownLogin}</p>)}
      <h4>{words.ssh}</h4>
      {it.machines.map((place) => (
        <div key={place.slot}>
          {it.machines.length > 1 && (
            <p class="hint">
              <bdi>{place.machine}</bdi>
            </p>
          )}
          <Copy name={`${words.ssh}: ${place.machine}`}>{sshTo(it.username, place)}</Copy>
        </div>
      ))}
      <Config id={it.id} of={names} />
    </>
  );
}
