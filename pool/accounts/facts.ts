// What a machine says that it is. It may lie, but only about itself: the names are ours, and the values short and plain.

/** The longest value. */
const LONGEST = 64;
const KIB_PER_GIB = 2 ** 20;

const word = (said: string) => said.replace(/[^A-Za-z0-9._+~:/-]/g, "").slice(0, LONGEST);
const number = (said: string) => (/^[1-9]\d{0,11}$/.test(said) ? said : "");
/** Rounded up: the kernel and the file system keep a little of the 32 GiB that were fitted. */
const gib = (said: string) => number(said) && `${Math.ceil(Number(said) / KIB_PER_GIB)}`;

/** How each one is read from what scripts/facts.sh prints. */
const READ = {
  os: (said: string) => word(said).toLowerCase(),
  arch: word,
  cpus: number,
  ram: gib,
  disk: gib,
  kernel: word,
};
export type Facts = Record<string, string>;

/** The facts in a step's output, from the line before the last; without those that it doesn't say. */
export function factsIn(lines: readonly string[]): Facts {
  const [first, ...words] = lines.at(-2)?.split(" ") ?? [];
  const facts: Facts = {};
  if (first !== "FACTS") return facts;
  for (const [name, read] of Object.entries(READ)) {
    const said = words.find((one) => one.startsWith(`${name}=`))?.slice(name.length + 1);
    const value = read(said ?? "");
    if (value !== "") facts[name] = value;
  }
  return facts;
}
