import { useEffect, useId, useRef } from "preact/hooks";
import { focusWrong, Wrong } from "../../parts/act.tsx";
import { Button } from "../../parts/button.tsx";
import { text } from "../../text/text.ts";
import { Reason } from "../ill.tsx";
import { Compare, Print } from "../key.tsx";
import { Form } from "./form.tsx";
import { again, confirm, connect, errors, form, made, shown, stage } from "./machine.ts";

const words = text.machines;

const STEPS = ["connect", "confirm", "clean", "end"] as const;

/** How far it has got. */
function Steps() {
  const isMute = stage.value === "confirm" && shown.value?.fault != null;
  const at = isMute ? 0 : STEPS.indexOf(stage.value as "end");
  const failed = isMute || (stage.value === "end" && made.value?.state === "quarantined");
  const stateOf = (n: number) => {
    if (n === at && failed) return "wrong";
    if (n < at || (n === at && stage.value === "end")) return "done";
    return n === at ? "now" : "later";
  };
  return (
    <ol class="steps">
      {STEPS.map((step, n) => (
        <li key={step} class={`is-${stateOf(n)}`} aria-current={n === at ? "step" : undefined}>
          {words.steps[step]}
          <span class="unseen"> {words.stepStates[stateOf(n)]}</span>
        </li>
      ))}
    </ol>
  );
}

/** Which key it showed, to be compared by a person. */
function Confirm() {
  const found = shown.value;
  const key = found?.host_key;
  return (
    <>
      {key ? (
        <>
          <Print name={words.keyShown} print={found.host_key_fingerprint} full={key} />
          <Compare full={key} />
          <p>{words.confirmMeans}</p>
        </>
      ) : (
        <>
          <Reason fault={found?.fault ?? null} error={found?.last_error ?? null} />
          <p>{words.unseenMeans}</p>
        </>
      )}
      <div class="buttons">
        <Button kind="main" onClick={() => void confirm()}>
          {key ? words.confirm : words.registerUnseen}
        </Button>
        <Button onClick={() => again(false)}>{words.back}</Button>
      </div>
    </>
  );
}

function End() {
  const machine = made.value;
  if (!machine) return null;
  const { name, fault, last_error: error, removed_dirty: dirty } = machine;
  const isIll = machine.state === "quarantined";
  return (
    <>
      <p>
        <bdi>{isIll ? words.joinedIll(name) : words.offered(name)}</bdi>
      </p>
      {isIll && <Reason fault={fault} error={error} />}
      {dirty && (
        <p class="help">
          <bdi>{words.wasDirty(dirty.username)}</bdi> <bdi class="quiet">{dirty.reason}</bdi>
        </p>
      )}
      <div class="buttons">
        <Button onClick={() => again(true)}>{words.another}</Button>
      </div>
    </>
  );
}

/** From connecting to it until it is offered, or what was wrong. */
function Progress() {
  const place = useRef<HTMLDivElement>(null);
  const isWaiting = stage.value === "connect" || stage.value === "clean";
  useEffect(() => place.current?.focus(), [isWaiting]);
  return (
    <div ref={place} class="going" tabIndex={-1} role="status">
      <p>
        <strong>
          <bdi>{form.name.value}</bdi>
        </strong>{" "}
        <bdi class="quiet">{`${form.user.value}@${form.host.value}:${form.port.value}`}</bdi>
      </p>
      <Steps />
      {stage.value === "confirm" && <Confirm />}
      {stage.value === "end" && <End />}
    </div>
  );
}

/** Registers a machine, with each step shown. */
export function Register() {
  const id = useId();
  const place = useRef<HTMLFormElement>(null);
  const submit = async (event: Event) => {
    event.preventDefault();
    if (stage.value === "form") await connect();
    if (stage.value === "form") focusWrong(place);
  };
  return (
    <form ref={place} class="card" aria-labelledby={id} onSubmit={submit} noValidate>
      <h2 id={id}>{words.register}</h2>
      {stage.value === "form" ? (
        <>
          <Form />
          <Wrong>{errors.value[""] ?? errors.value.host_key}</Wrong>
          <div class="buttons">
            <Button type="submit" kind="main">
              {words.connect}
            </Button>
          </div>
        </>
      ) : (
        <Progress />
      )}
    </form>
  );
}
