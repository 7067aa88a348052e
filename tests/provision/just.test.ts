// `just` alone: each recipe is in a group, with a complete description.
import { expect, test } from "bun:test";
import { run } from "../support/run.ts";

interface Recipe {
  name: string;
  doc: string | null;
  private: boolean;
  attributes: (string | { group?: string })[];
}

const dumped = await run(["just", "--dump", "--dump-format", "json"]);
const recipes = Object.values(JSON.parse(dumped.stdout).recipes as Record<string, Recipe>).filter(
  (recipe) => !recipe.private,
);
const groupOf = ({ attributes }: Recipe) =>
  attributes.flatMap((one) => (typeof one === "object" && one.group ? [one.group] : []));

test("each is in one group, and its description stands alone", () => {
  expect(recipes.length).toBeGreaterThan(20);
  for (const recipe of recipes) {
    expect(groupOf(recipe), recipe.name).toHaveLength(1);
    expect(recipe.doc ?? "", recipe.name).toMatch(/^[A-Z]\w+ .{10,}/);
    expect(recipe.doc, recipe.name).not.toMatch(/^(The same|As |Also|These)/);
  }
});

test("the list begins with what a newcomer needs, not with the first letter of the alphabet", async () => {
  const { stdout } = await run(["just"]);
  const listed = stdout
    .split("\n")
    .flatMap((line) => /^ {4}(?:\[([\w ]+)\]$|(\w[\w-]*))/.exec(line)?.slice(1) ?? []);
  expect(listed.filter(Boolean).slice(0, 3)).toEqual(["start here", "run", "run-dev"]);
});
