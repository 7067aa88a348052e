import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";

interface Props {
  name: string;
  columns: string[];
  rows: { key: string; cells: ComponentChildren[] }[];
}

/** The first cell of each row is its heading. It may be wider than the page: then it scrolls, by keyboard too. */
export function Table({ name, columns, rows }: Props) {
  const id = useId();
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls
    // biome-ignore lint/a11y/useSemanticElements: no landmark, and no fields
    <div class="scroll" tabIndex={0} role="group" aria-labelledby={id}>
      <table>
        <caption id={id} class="unseen">
          {name}
        </caption>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column} scope="col">
                {column}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(({ key, cells: [head, ...cells] }) => (
            <tr key={key}>
              <th scope="row">{head}</th>
              {cells.map((cell, n) => (
                <td key={columns[n + 1]}>{cell}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** A number with a bar as long as its part of the largest. */
export const Bar = ({ part, children }: { part: number; children: ComponentChildren }) => (
  <span class="bar">
    <svg width="100%" height="8" aria-hidden="true" preserveAspectRatio="none">
      <rect class="back" width="100%" height="8" rx="2" />
      <rect width={`${Math.round(1000 * Math.min(1, part)) / 10}%`} height="8" rx="2" />
    </svg>
    <span>{children}</span>
  </span>
);
