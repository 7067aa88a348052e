// Reads the documents for the tests: their code blocks and tables.
import { readFileSync } from "node:fs";
import { join } from "node:path";

export const ROOT = join(import.meta.dir, "../..");

/** In reading order, in which their commands are run. */
export const DOCUMENTS = [
  "README.md",
  "docs/dashboard.md",
  "docs/use.md",
  "docs/time.md",
  "docs/operate.md",
  "docs/api.md",
  "docs/security.md",
  "docs/performance.md",
  "docs/architecture.md",
  "CONTRIBUTING.md",
  "CHANGELOG.md",
] as const;

export const read = (file: string) => readFileSync(join(ROOT, file), "utf8");

export interface Block {
  file: string;
  language: string;
  text: string;
  /** the number of its first line, from 1 */
  line: number;
}

/** The code blocks of a document, including those inside lists. */
function blocksOf(file: string): Block[] {
  const found: Block[] = [];
  let open: (Block & { indent: string }) | undefined;
  for (const [n, text] of read(file).split("\n").entries()) {
    const fence = /^( *)```(\w*)$/.exec(text);
    if (!fence) {
      if (open) open.text += `${text.slice(open.indent.length)}\n`;
    } else if (open) {
      found.push(open);
      open = undefined;
    } else open = { file, indent: fence[1] ?? "", language: fence[2] ?? "", text: "", line: n + 2 };
  }
  if (open) throw new Error(`${file}: the code block of line ${open.line} has no end`);
  return found;
}

/** Every code block of every document. */
export const blocks = (): Block[] => DOCUMENTS.flatMap(blocksOf);

export interface Command {
  file: string;
  text: string;
  line: number;
  /** the JSON that the document shows as its response */
  answer: unknown;
}

/** Every command: a line of a ```sh block. A ```json block after it shows the response to its last line. */
export function commands(): Command[] {
  return DOCUMENTS.flatMap((file) => {
    const all = blocksOf(file);
    return all.flatMap((block, i) => {
      if (block.language !== "sh") return [];
      const next = all[i + 1];
      const lines = block.text.trimEnd().split("\n");
      const answer = next?.language === "json" && isAnswerTo(block, next) ? JSON.parse(next.text) : undefined;
      return lines.map((text, n) => ({
        file,
        text,
        line: block.line + n,
        answer: n === lines.length - 1 ? answer : undefined,
      }));
    });
  });
}

/** With a heading or more than a sentence in between, it is not the response. */
function isAnswerTo(command: Block, json: Block): boolean {
  const between = read(command.file)
    .split("\n")
    .slice(command.line + command.text.split("\n").length - 1, json.line - 2);
  return between.join("").length < 80 && !between.some((text) => text.startsWith("#"));
}

/** The cells of the rows of the one table, in all documents, whose header begins with that cell. */
export function table(firstHead: string): string[][] {
  const lines = DOCUMENTS.map(read).join("\n").split("\n");
  const head = lines.findIndex((text) => text.startsWith(`| ${firstHead} |`));
  if (head < 0) throw new Error(`no document has a table that begins with '${firstHead}'`);
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

/** The text between backquotes. */
export const quoted = (text: string) => [...text.matchAll(/`([^`]+)`/g)].map(([, word = ""]) => word);
