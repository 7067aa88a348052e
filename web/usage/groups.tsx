import { type ComponentChildren, Fragment } from "preact";
import { useId } from "preact/hooks";
import { Select } from "../parts/select.tsx";
import { text } from "../text/text.ts";
import { count, hours, took } from "./numbers.ts";
import { byLabel, byUser, fileOf, label, labels, type Row, type Usage } from "./state.ts";
import { Bar, Table } from "./table.tsx";

const words = text.usage;
/** So many at most, those with the most hours; the file has all of them. */
const SHOWN = 50;

interface Props {
  title: string;
  file: string;
  children: ComponentChildren;
}
const Section = ({ title, file, children }: Props) => {
  const id = useId();
  return (
    <section class="card group" aria-labelledby={id}>
      <header>
        <h2 id={id}>{title}</h2>
        <a href={file} download>
          {words.download(title)}
        </a>
      </header>
      {children}
    </section>
  );
};

/** Who has used how much, the most first. */
function Ranking({
  usage,
  head,
  nameOf,
}: {
  usage: Usage;
  head: string;
  nameOf: (row: Row) => ComponentChildren;
}) {
  const sorted = usage.rows.toSorted((a, b) => b.machine_hours - a.machine_hours);
  const most = sorted[0]?.machine_hours || 1;
  if (sorted.length === 0) return <p class="quiet">{words.nothing}</p>;
  return (
    <>
      <Table
        name={head}
        columns={[head, words.used, words.started, words.failed, words.wait]}
        rows={sorted.slice(0, SHOWN).map((row, n) => ({
          key: `${n}`,
          cells: [
            nameOf(row),
            <Bar part={row.machine_hours / most}>{hours(row.machine_hours)}</Bar>,
            count(row.reservations),
            count(row.failed),
            took(row.wait_median_seconds),
          ],
        }))}
      />
      {sorted.length > SHOWN && <p class="hint">{words.more(sorted.length - SHOWN)}</p>}
    </>
  );
}

const userOf = ({ user, username }: Row) =>
  user ? (
    <bdi>{user}</bdi>
  ) : (
    <>
      <bdi>{username}</bdi> <span class="quiet">{words.noUser}</span>
    </>
  );
const wordsOf = ({ value }: Row) =>
  value === null || value === undefined ? (
    <span class="quiet">{words.noValue}</span>
  ) : (
    <bdi>{value || words.empty}</bdi>
  );

export const ByUser = () => (
  <Section title={words.byUser} file={fileOf("user")}>
    {byUser.value && <Ranking usage={byUser.value} head={words.user} nameOf={userOf} />}
  </Section>
);

export const ByLabel = () =>
  labels.value.length === 0 ? (
    <Fragment />
  ) : (
    <Section title={words.byLabel} file={fileOf("label")}>
      <Select
        label={words.label}
        value={label.value}
        choices={labels.value.map((one) => [one, one])}
        onValue={(value) => {
          label.value = value;
        }}
      />
      {byLabel.value && <Ranking usage={byLabel.value} head={label.value} nameOf={wordsOf} />}
    </Section>
  );

/** What went wrong, by its kind. */
export function Failures({ failures }: Pick<Usage, "failures">) {
  const id = useId();
  const most = Math.max(1, ...failures.flatMap((one) => [one.reservations, one.quarantines]));
  return (
    <section class="card group" aria-labelledby={id}>
      <h2 id={id}>{words.failures}</h2>
      <p class="hint">{words.failuresAbout}</p>
      {failures.length === 0 ? (
        <p class="quiet">{words.noFailures}</p>
      ) : (
        <Table
          name={words.failures}
          columns={[words.fault, words.failed, words.quarantines]}
          rows={failures.map(({ fault, reservations, quarantines }) => ({
            key: fault ?? "",
            cells: [
              fault === null ? words.noFault : (text.faults[fault] ?? fault),
              <Bar part={reservations / most}>{count(reservations)}</Bar>,
              <Bar part={quarantines / most}>{count(quarantines)}</Bar>,
            ],
          }))}
        />
      )}
    </section>
  );
}
