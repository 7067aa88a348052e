// What the page Machines says and reads, without a browser.
import { expect, test } from "bun:test";
import { FAULTS } from "../../db/schema/pool.ts";
import { parseLine } from "../../provision/machines/line.ts";
import { en } from "../../web/text/en.ts";
import { fr } from "../../web/text/fr.ts";

// The language is the page's.
Object.assign(globalThis, { document: { documentElement: { lang: "en" } }, location: { pathname: "/ui/" } });
const { parseLine: inBrowser } = await import("../../web/machines/lines.ts");

test("every fault has its words and what to do about it, in both languages", () => {
  for (const { faults, machines } of [en, fr]) {
    expect(FAULTS.filter((fault) => !faults[fault])).toEqual([]);
    expect(FAULTS.filter((fault) => !machines.help[fault])).toEqual([]);
  }
});

test("a line of machines.txt means the same in the browser as in the script", () => {
  for (const line of [
    "rack-1 10.0.0.7 22 root pw",
    "  rack-1\t10.0.0.7   2222 deploy p=w,x  ",
    "rack-1 10.0.0.7 22 root pw gpu=",
    "rack-1 10.0.0.7 22 root pw gpu,rack=8,note=a=b",
  ]) {
    const read = parseLine(line);
    expect(typeof read).toBe("object");
    expect([line, inBrowser(line)]).toEqual([line, read]);
  }
});

test("a line that can't be read never appears in what is said of it", () => {
  for (const line of [
    "rack-1 10.0.0.7 22 root",
    "rack-1 10.0.0.7 22 root hunter two",
    "rack-1 10.0.0.7 22 root hunter2 a=1,a=2",
    "rack-1 10.0.0.7 22 root hunter2 a=1 b",
  ]) {
    const said = inBrowser(line);
    expect([line, typeof parseLine(line), typeof said]).toEqual([line, "string", "string"]);
    expect(said).not.toContain("hunter");
  }
});
