import { invalid } from "../errors.ts";

type Labels = Record<string, string>;

/** A machine's facts are labels that begin with this; only the machine itself sets them. */
const FACT = "fact.";

/** What a label expression may ask of a machine: its labels and its facts. */
export function labelsAndFacts({ labels, facts }: { labels: Labels; facts: Labels }): Labels {
  const all = { ...labels };
  for (const [name, value] of Object.entries(facts)) all[FACT + name] = value;
  return all;
}

/** @throws PoolError invalid_request when an admin's labels have the name of a fact */
export function refuseFacts(labels: Labels): void {
  const name = Object.keys(labels).find((one) => one.startsWith(FACT));
  if (name)
    throw invalid(
      `labels.${name}`,
      `a label can't begin with ${FACT}: those are the facts that machines tell about themselves`,
    );
}
