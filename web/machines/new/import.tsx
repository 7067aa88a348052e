import { useSignal } from "@preact/signals";
import { useId } from "preact/hooks";
import { Button } from "../../parts/button.tsx";
import { text } from "../../text/text.ts";
import { fileName, isBusy, type Line, lines, mayTryAgain, readFile, summary, tryFailed } from "./batch.ts";

const words = text.machines.imported;

/** So many lines are shown, those that failed first. */
const MOST = 200;

const Result = ({ line: { number, name, verdict, said } }: { line: Line }) => (
  <li class={`result is-${verdict}`}>
    <span class="quiet">{words.line(number)}</span> <bdi>{name}</bdi>{" "}
    <strong>{words.verdicts[verdict]}</strong>
    {said && <bdi class={verdict === "failed" || verdict === "ill" ? "said" : "said quiet"}>{said}</bdi>}
  </li>
);

function Results() {
  const failed = lines.value.filter(({ verdict }) => verdict === "failed");
  const others = lines.value.filter(({ verdict }) => verdict !== "failed");
  const all = [...failed, ...others];
  return (
    <>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls */}
      <ol class="results" aria-label={words.results} tabIndex={0}>
        {all.slice(0, MOST).map((line) => (
          <Result key={line.number} line={line} />
        ))}
      </ol>
      {all.length > MOST && <p class="hint">{words.more(all.length - MOST)}</p>}
      {mayTryAgain.value && (
        <div class="buttons">
          <Button busy={isBusy.value} onClick={() => void tryFailed()}>
            {words.again}
          </Button>
        </div>
      )}
    </>
  );
}

/** Registers the machines of a file, dropped or chosen. */
export function Import() {
  const id = useId();
  const isOver = useSignal(false);
  const take = (file: File | undefined) => {
    if (file) void readFile(file);
  };
  const over = (is: boolean) => (event: DragEvent) => {
    event.preventDefault();
    isOver.value = is;
  };
  const drop = (event: DragEvent) => {
    over(false)(event);
    take(event.dataTransfer?.files[0]);
  };
  return (
    <section class="card" aria-labelledby={id}>
      <h2 id={id}>{words.title}</h2>
      <p class="hint">
        {words.how} <code>name host port user password gpu,rack=8</code>
      </p>
      <p class="hint">{words.keys}</p>
      <label
        class={`drop ${isOver.value ? "is-over" : ""}`}
        onDragOver={over(true)}
        onDragLeave={over(false)}
        onDrop={drop}
      >
        <span>{words.drop}</span>
        <input
          type="file"
          accept=".txt,text/plain"
          disabled={isBusy.value}
          onChange={({ currentTarget: field }) => {
            take(field.files?.[0]);
            // So that the same file, corrected, is a change.
            field.value = "";
          }}
        />
      </label>
      <p class="said" role="status">
        {fileName.value && (
          <>
            <bdi>{fileName.value}</bdi>: {summary.value}
          </>
        )}
      </p>
      {lines.value.length > 0 && <Results />}
    </section>
  );
}
