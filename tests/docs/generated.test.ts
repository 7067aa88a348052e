// The parts of the documents that are generated from the program, between `<!-- generated: NAME -->` and `<!-- end -->`.
// UPDATE=1 just test tests/docs/generated.test.ts   writes them.
import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { ACTIONS } from "../../pool/audit/catalogue.ts";
import { MACHINE_MOVES, RESERVATION_MOVES } from "../../pool/lifecycle/states.ts";
import { DOCUMENTS, ROOT, read } from "./markdown.ts";

type Moves = Record<string, { from: readonly string[]; to: string | null; when: string }>;

/** A state diagram; new ones come from the dot, and deleted ones go to it. */
function picture(moves: Moves): string {
  const arrows = Object.values(moves).flatMap(({ from, to, when }) =>
    (from.length > 0 ? from : ["[*]"]).map((state) => `  ${state} --> ${to ?? "[*]"}: ${when}`),
  );
  return ["```mermaid", "stateDiagram-v2", ...arrows, "```"].join("\n");
}

const GENERATED: Record<string, string> = {
  "machine states": picture(MACHINE_MOVES),
  "reservation states": picture(RESERVATION_MOVES),
  events: [
    "| `action` | means |",
    "|---|---|",
    ...Object.entries(ACTIONS).map(([action, means]) => `| \`${action}\` | ${means} |`),
  ].join("\n"),
};

const PART = /<!-- generated: (.+?) -->\n([\s\S]*?)<!-- end -->/g;

test("the generated parts are up to date", () => {
  const found: string[] = [];
  for (const file of DOCUMENTS) {
    const text = read(file);
    const now = text.replace(PART, (_, name: string) => {
      found.push(name);
      return `<!-- generated: ${name} -->\n${GENERATED[name]}\n<!-- end -->`;
    });
    if (process.env.UPDATE === "1" && now !== text) writeFileSync(join(ROOT, file), now);
    else if (now !== text)
      throw new Error(`${file} is out of date; type: UPDATE=1 just test tests/docs/generated.test.ts`);
  }
  expect(found.sort()).toEqual(Object.keys(GENERATED).sort());
});
