// One plain English for the whole repository: phrases that a British or American operator would not write.
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";

const ROOT = join(import.meta.dir, "..");

/** Each phrase, in any case, and what to write instead. Applies to comments, messages, documents and identifiers. */
const FORBIDDEN: [RegExp, string][] = [
  [/\banew\b/i, "again, or re-…"],
  [/\bcounts? no more\b/i, "is no longer valid"],
  [/\b(takes?|taken|taking|took) away\b/i, "revoke, remove"],
  [/\b(gives?|given|giving|gave)[ _]?back\b/i, "release, undo, refund, return"],
  [/\bin case that\b/i, "in case"],
  [/\b([Nn]obody'?s(?![a-z])|NOBODYS)/, "no user's, orphaned, dummy"],
  [/\bsigns? of life\b|\bisSign/i, "health check"],
  [/\bsuch machines\b/i, "these machines"],
  [/\bmend(s|ed|ing)?\b/i, "fix"],
  [/\bfor ever\b/i, "forever, without end"],
  [/\b(puts?|putting) aside\b/i, "quarantine, set aside"],
  [/\bheed(s|ed)?\b/i, "respect, obey"],
  [/\bin turns\b/i, "alternating"],
  [/\btokens? that counts?\b/i, "a valid token"],
  [/\b(is|are) asked of\b/i, "ask"],
  [/\bunclean\b/i, "dirty"],
  [/(\b|_)wish(es)?(\b|_)/i, "input, body"],
  [/\bdisks? (was|were|is|are) searched\b|\bsearchedSince/i, "swept"],
];

/** History keeps its words: migrations, and what the changelog renames. Locked and generated files are not written by us. */
const EXEMPT = /^(bun\.lock|db\/migrations\/|CHANGELOG\.md|tests\/words\.test\.ts)/;

function trackedFiles(): string[] {
  const listed = Bun.spawnSync(["git", "ls-files", "-z"], { cwd: ROOT });
  if (listed.exitCode !== 0) throw new Error(listed.stderr.toString());
  return listed.stdout.toString().split("\0").filter(Boolean);
}

test("no text or name uses a phrase that reads like a translation", () => {
  const found: string[] = [];
  for (const file of trackedFiles().filter((name) => !EXEMPT.test(name))) {
    for (const [index, line] of readFileSync(join(ROOT, file), "utf8").split("\n").entries())
      for (const [phrase, instead] of FORBIDDEN) {
        const match = phrase.exec(line);
        if (match) found.push(`${file}:${index + 1}: "${match[0]}" (better: ${instead})`);
      }
  }
  expect(found).toEqual([]);
});
