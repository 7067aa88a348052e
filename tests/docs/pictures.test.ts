// The documents' pictures: each that is shown is there, and small; and how `just pictures` makes them small.
import { expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { deflateSync, inflateSync } from "node:zlib";
import { smaller } from "../../provision/checks/png.ts";
import { run } from "../support/run.ts";
import { DOCUMENTS, ROOT, read } from "./markdown.ts";

setDefaultTimeout(60_000);
const FOLDER = "docs/pictures";

test("the documents show each picture that is there, and none that is not; all have words, and are small", () => {
  const tags = DOCUMENTS.flatMap((file) =>
    [...read(file).matchAll(/<(?:img|source) [^>]*>/g)].map(([tag]) => ({ file, tag })),
  );
  const shown = tags.map(({ file, tag }) =>
    join(dirname(file), /(?:src|srcset)="([^"]+)"/.exec(tag)?.[1] ?? ""),
  );
  const there = readdirSync(join(ROOT, FOLDER)).map((name) => `${FOLDER}/${name}`);
  expect([...new Set(shown)].sort()).toEqual(there.sort());
  expect(tags.filter(({ tag }) => tag.startsWith("<img") && !/ alt="[^"]{8,}"/.test(tag))).toEqual([]);
  const sizes = there.map((name) => statSync(join(ROOT, name)).size);
  expect(Math.max(...sizes)).toBeLessThan(150_000);
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(1_200_000);
});

/** A PNG's part of a type. */
function part(png: Buffer, type: string): Buffer {
  const at = png.indexOf(type);
  return png.subarray(at + 4, at + 4 + png.readUInt32BE(at - 4));
}
function chunk(type: string, data: Uint8Array): Buffer {
  const size = Buffer.alloc(4);
  size.writeUInt32BE(data.length);
  return Buffer.concat([size, Buffer.from(type), data, Buffer.alloc(4)]);
}

test("a picture has the same colours afterwards, whichever way its rows were written", () => {
  const [width, height] = [3, 5];
  // 15 pixels of three bytes each.
  const pixels = Buffer.from(Array.from({ length: width * height * 3 }, (_, n) => (n * 37) % 256));
  const stride = width * 3;
  const rows = Array.from({ length: height }, (_, y) => {
    // Each row by another of PNG's filters, 0 to 4.
    const byte = (x: number, line: number) => (x < 0 || line < 0 ? 0 : (pixels[line * stride + x] as number));
    const filtered = Array.from({ length: stride }, (_, x) => {
      const [a, b, c] = [byte(x - 3, y), byte(x, y - 1), byte(x - 3, y - 1)];
      const paeth = [a, b, c].sort((one, other) => Math.abs(a + b - c - one) - Math.abs(a + b - c - other));
      const guess = [0, a, b, (a + b) >> 1, paeth[0] as number][y] as number;
      return (byte(x, y) - guess + 256) % 256;
    });
    return Buffer.from([y, ...filtered]);
  });
  const head = Buffer.from([0, 0, 0, width, 0, 0, 0, height, 8, 2, 0, 0, 0]);
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  const data = deflateSync(Buffer.concat(rows));
  const png = smaller(Buffer.concat([signature, chunk("IHDR", head), chunk("IDAT", data)]));

  const palette = part(png, "PLTE");
  const indexes = inflateSync(part(png, "IDAT")).filter((_, at) => at % (width + 1) > 0);
  expect([...indexes].flatMap((n) => [...palette.subarray(n * 3, n * 3 + 3)])).toEqual([...pixels]);
});

test("just pictures says what is missing", async () => {
  const nothing = await run(["just", "pictures", "https://127.0.0.1:9"]);
  expect([nothing.code, nothing.stderr]).toEqual([
    1,
    expect.stringContaining("no stack answers at https://127.0.0.1:9; start one with: just run"),
  ]);
  expect((await run(["just", "pictures", "--help"])).stderr).toContain("usage: just pictures [ADDRESS]");
});
