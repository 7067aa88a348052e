// What the tests need to read of README.md: its code blocks and its tables.
import { readFileSync } from "node:fs";
import { join } from "node:path";

export const ROOT = join(import.meta.dir, "../..");
export const README = readFileSync(join(ROOT, "README.md"), "utf8");

export interface Block {
  language: string;
  text: string;
  /** of its first line, from 1 */
  line: number;
}

export function blocks(markdown = README): Block[] {
  const found: Block[] = [];
  let open: Block | undefined;
  for (const [n, text] of markdown.split("\n").entries()) {
    const fence = /^```(\w*)$/.exec(text);
    if (!fence) {
      if (open) open.text += `${text}\n`;
    } else if (open) {
      found.push(open);
      open = undefined;
    } else open = { language: fence[1] ?? "", text: "", line: n + 2 };
  }
  if (open) throw new Error(`README.md: the code block of line ${open.line} has no end`);
  return found;
}

export interface Command {
  text: string;
  line: number;
  /** the JSON that README shows as its answer */
  answer: unknown;
}

/** Every command: a line of a ```sh block. A ```json block after it shows the answer to its last line. */
export function commands(): Command[] {
  const all = blocks();
  return all.flatMap((block, i) => {
    if (block.language !== "sh") return [];
    const next = all[i + 1];
    const lines = block.text.trimEnd().split("\n");
    const answer = next?.language === "json" && isAnswerTo(block, next) ? JSON.parse(next.text) : undefined;
    return lines.map((text, n) => ({
      text,
      line: block.line + n,
      answer: n === lines.length - 1 ? answer : undefined,
    }));
  });
}

/** With a heading between them, or more than a sentence, it is not the answer. */
function isAnswerTo(command: Block, json: Block): boolean {
  const between = README.split("\n").slice(command.line + command.text.split("\n").length - 1, json.line - 2);
  return between.join("").length < 80 && !between.some((text) => text.startsWith("#"));
}

/** The rows of the table whose head begins with that cell: their cells. */
export function table(firstHead: string): string[][] {
  const lines = README.split("\n");
  const head = lines.findIndex((text) => text.startsWith(`| ${firstHead} |`));
  if (head < 0) throw new Error(`README.md has no table that begins with '${firstHead}'`);
  const rows: string[][] = [];
  for (const text of lines.slice(head + 2)) {
    if (!text.startsWith("|")) break;
    rows.push(
      text
        .split("|")
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
  }
  return rows;
}

/** What stands between backquotes. */
export const quoted = (text: string) => [...text.matchAll(/`([^`]+)`/g)].map(([, word = ""]) => word);
