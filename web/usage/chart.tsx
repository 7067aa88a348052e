import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import { colourOf, scheme } from "./colours.ts";
import { dayShort } from "./numbers.ts";

export interface Series {
  name: string;
  /** of a design token */
  colour: string;
  /** bars are behind lines */
  kind: "bars" | "line" | "dashes";
  values: (number | null)[];
}

const DAY = 24 * 3600;
const HEIGHT = 220;

/** Days whose neighbours have no value: no line leads to them. */
function lonely({ data }: uPlot, series: number): number[] {
  const its = data[series] ?? [];
  return [...its.keys()].filter((n) => its[n] != null && its[n - 1] == null && its[n + 1] == null);
}

function lineOf({ name, colour, kind }: Series): uPlot.Series {
  const stroke = colourOf(colour);
  if (kind === "bars") {
    const { bars } = uPlot.paths;
    return {
      label: name,
      fill: stroke,
      width: 0,
      points: { show: false },
      ...(bars ? { paths: bars({ size: [0.7, 32] }) } : {}),
    };
  }
  return {
    label: name,
    stroke,
    width: 2,
    ...(kind === "dashes" ? { dash: [6, 4] } : {}),
    points: { size: 6, fill: stroke, stroke, show: true, filter: lonely },
  };
}

function optionsOf(
  series: Series[],
  { unit, steps }: Pick<Props, "unit" | "steps">,
  onDay: (n: number | undefined) => void,
): uPlot.Options {
  const [quiet, line] = [colourOf("quiet"), colourOf("line")];
  const { font } = getComputedStyle(document.body);
  const axis = {
    stroke: quiet,
    grid: { stroke: line, width: 1 },
    ticks: { stroke: line, width: 1 },
    font: font.replace(/^.*?(\d+(\.\d+)?px)/, "12px"),
  };
  return {
    width: 600,
    height: HEIGHT,
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { size: 8 } },
    scales: {
      // Days as numbers: a time scale would be in the browser's zone.
      x: { time: false, range: (_, min, max) => [min - DAY / 2, max + DAY / 2] },
      y: { range: (_, __, max) => [0, max > 0 ? max * 1.08 : 1] },
    },
    axes: [
      {
        ...axis,
        space: 56,
        size: 32,
        incrs: [1, 2, 3, 7, 14, 28, 56, 112].map((n) => n * DAY),
        values: (_, all) => all.map((at) => dayShort(at * 1000)),
      },
      { ...axis, size: 72, ...(steps ? { incrs: steps } : {}), values: (_, all) => all.map(unit) },
    ],
    series: [{}, ...series.map(lineOf)],
    hooks: { setCursor: [({ cursor }) => onDay(cursor.idx ?? undefined)] },
  };
}

interface Props {
  /** what it shows, for those who don't see it */
  name: string;
  /** in ms since 1970 */
  days: number[];
  series: Series[];
  unit: (n: number) => string;
  /** how far apart the lines of its scale may be */
  steps?: number[] | undefined;
  /** a day in words, with what its values are */
  readout: (index: number) => string;
  /** before a day is pointed at */
  hint: string;
}

/** A chart over days, drawn on a canvas; what it says is also in the table that follows it. */
export function Chart({ name, days, series, unit, steps, readout, hint }: Props) {
  const place = useRef<HTMLDivElement>(null);
  const pointed = useSignal<number | undefined>(undefined);
  const colours = scheme.value;
  useEffect(() => {
    const element = place.current;
    if (!element) return;
    const data = [days.map((at) => at / 1000), ...series.map(({ values }) => values)] as uPlot.AlignedData;
    const chart = new uPlot(
      optionsOf(series, { unit, steps }, (index) => {
        pointed.value = index;
      }),
      data,
      element,
    );
    const fit = new ResizeObserver(() => chart.setSize({ width: element.clientWidth, height: HEIGHT }));
    fit.observe(element);
    return () => {
      fit.disconnect();
      chart.destroy();
    };
  }, [days, series, unit, steps, colours]);
  const at = pointed.value;
  return (
    <>
      <ul class="legend">
        {series.map((one) => (
          <li key={one.name}>
            <span class={`key is-${one.kind} of-${one.colour}`} aria-hidden="true" />
            {one.name}
          </li>
        ))}
      </ul>
      <div class="chart" ref={place} role="img" aria-label={name} />
      <p class="readout quiet">{at === undefined || at >= days.length ? hint : readout(at)}</p>
    </>
  );
}
