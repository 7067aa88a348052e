import type { ComponentChildren } from "preact";
import { useId, useMemo } from "preact/hooks";
import { text } from "../text/text.ts";
import { Chart, type Series } from "./chart.tsx";
import { dayLong, hours, ROUND_HOURS, ROUND_SECONDS, took } from "./numbers.ts";
import type { Row } from "./state.ts";
import { Table } from "./table.tsx";

const words = text.usage;

interface FigureProps {
  title: string;
  /** what it means, in a line */
  about: string;
  rows: Row[];
  seriesOf: (rows: Row[]) => Series[];
  unit: (n: number) => string;
  steps?: number[];
  /** a value as the table and the line under the chart have it */
  wordsOf: (n: number | null) => string;
}

/** A chart by day, and the table behind it. */
function Figure({ title, about, rows, seriesOf, unit, steps, wordsOf }: FigureProps) {
  const id = useId();
  // The same arrays as long as the rows are: the chart is drawn again only for others.
  const days = useMemo(() => rows.map(({ day = "" }) => Date.parse(day)), [rows]);
  const series = useMemo(() => seriesOf(rows), [rows, seriesOf]);
  const readout = (n: number) =>
    words.readout(
      dayLong(days[n] ?? 0),
      series.map(({ name, values }) => `${name} ${wordsOf(values[n] ?? null)}`),
    );
  return (
    <figure class="card figure" aria-labelledby={id}>
      <figcaption>
        <h2 id={id}>{title}</h2>
        <p class="hint">{about}</p>
      </figcaption>
      <Chart
        name={words.chartOf(title)}
        days={days}
        series={series}
        unit={unit}
        steps={steps}
        readout={readout}
        hint={words.point}
      />
      <details>
        <summary>{words.table}</summary>
        <Table
          name={title}
          columns={[words.day, ...series.map(({ name }) => name)]}
          rows={rows.map(({ day = "" }, n) => ({
            key: day,
            cells: [
              <time dateTime={day}>{dayLong(days[n] ?? 0)}</time>,
              ...series.map(({ values }) => wordsOf(values[n] ?? null)),
            ],
          }))}
        />
      </details>
    </figure>
  );
}

const poolSeries = (rows: Row[]): Series[] => [
  { name: words.held, colour: "edge", kind: "bars", values: rows.map((row) => row.held_hours) },
  { name: words.used, colour: "taken", kind: "bars", values: rows.map((row) => row.machine_hours) },
  { name: words.inPool, colour: "free", kind: "line", values: rows.map((row) => row.pool_hours ?? 0) },
];
type Seconds = (row: Row) => Row["wait_median_seconds"];
const medianAndP95 =
  (median: Seconds, p95: Seconds) =>
  (rows: Row[]): Series[] => [
    { name: words.median, colour: "accent", kind: "line", values: rows.map(median) },
    { name: words.p95, colour: "warn", kind: "dashes", values: rows.map(p95) },
  ];
const waitSeries = medianAndP95(
  (row) => row.wait_median_seconds,
  (row) => row.wait_p95_seconds,
);
const removalSeries = medianAndP95(
  (row) => row.removal_median_seconds,
  (row) => row.removal_p95_seconds,
);
const hoursOrNone = (n: number | null) => words.hours(hours(n ?? 0));

export const Figures = ({ rows }: { rows: Row[] }): ComponentChildren => (
  <div class="figures">
    <Figure
      title={words.pool}
      about={words.poolAbout}
      rows={rows}
      seriesOf={poolSeries}
      unit={hours}
      steps={ROUND_HOURS}
      wordsOf={hoursOrNone}
    />
    <Figure
      title={words.waits}
      about={words.waitsAbout}
      rows={rows}
      seriesOf={waitSeries}
      unit={took}
      steps={ROUND_SECONDS}
      wordsOf={took}
    />
    <Figure
      title={words.removals}
      about={words.removalsAbout}
      rows={rows}
      seriesOf={removalSeries}
      unit={took}
      steps={ROUND_SECONDS}
      wordsOf={took}
    />
  </div>
);
