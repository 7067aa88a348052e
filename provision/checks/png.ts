// Makes a browser's PNG a third as large: a page has few colours, so a palette of 256 is enough.
import { deflateSync, inflateSync } from "node:zlib";

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const MOST = 256;

interface Picture {
  width: number;
  height: number;
  /** of each pixel, as 0xRRGGBB */
  colours: Uint32Array;
}

/** The parts of a PNG, by their types; those of IDAT as one. */
function chunks(png: Buffer): Map<string, Buffer> {
  const found = new Map<string, Buffer>();
  for (let at = SIGNATURE.length; at < png.length; ) {
    const size = png.readUInt32BE(at);
    const type = png.toString("latin1", at + 4, at + 8);
    const data = png.subarray(at + 8, at + 8 + size);
    found.set(type, Buffer.concat([found.get(type) ?? Buffer.alloc(0), data]));
    at += size + 12;
  }
  return found;
}

/** PNG's guess at a byte, from the bytes to its left, above it, and above that to its left. */
function paeth(left: number, up: number, corner: number): number {
  const guess = left + up - corner;
  const [a, b, c] = [Math.abs(guess - left), Math.abs(guess - up), Math.abs(guess - corner)];
  return a <= b && a <= c ? left : b <= c ? up : corner;
}

/** Reads what Chromium writes: 8 bits a channel, not interlaced. */
function decode(png: Buffer): Picture {
  const parts = chunks(png);
  const head = parts.get("IHDR") as Buffer;
  const [width, height] = [head.readUInt32BE(0), head.readUInt32BE(4)];
  const bytes = head[9] === 6 ? 4 : 3;
  const stride = width * bytes;
  const data = inflateSync(parts.get("IDAT") as Buffer);
  const colours = new Uint32Array(width * height);
  let above = new Uint8Array(stride);
  for (let y = 0; y < height; y++) {
    const from = y * (stride + 1);
    const filter = data[from] as number;
    const row = new Uint8Array(data.subarray(from + 1, from + 1 + stride));
    for (let x = 0; x < stride; x++) {
      const left = x < bytes ? 0 : (row[x - bytes] as number);
      const up = above[x] as number;
      const corner = x < bytes ? 0 : (above[x - bytes] as number);
      const guess = [0, left, up, (left + up) >> 1, paeth(left, up, corner)][filter] ?? 0;
      row[x] = (row[x] as number) + guess;
    }
    for (let x = 0; x < width; x++) {
      const [red = 0, green = 0, blue = 0] = row.subarray(x * bytes, x * bytes + 3);
      colours[y * width + x] = (red << 16) | (green << 8) | blue;
    }
    above = row;
  }
  return { width, height, colours };
}

/** How much two colours differ. */
function distance(one: number, other: number): number {
  const part = (shift: number) => ((one >> shift) & 255) - ((other >> shift) & 255);
  return part(16) ** 2 + part(8) ** 2 + part(0) ** 2;
}

/**
 * A palette, and which of it stands for each colour: the nearest. The most frequent colour comes first; then always the one
 * whose pixels are furthest from what is there, so that the green of a small dot is not lost among many greys.
 */
function paletteOf(colours: Uint32Array): { palette: number[]; indexOf: Map<number, number> } {
  const often = new Map<number, number>();
  for (const colour of colours) often.set(colour, (often.get(colour) ?? 0) + 1);
  const all = [...often.keys()].sort((a, b) => a - b);
  const weight = all.map((colour) => Math.sqrt(often.get(colour) ?? 0));
  const nearest = all.map(() => 0);
  const far = all.map(() => Number.POSITIVE_INFINITY);
  const palette: number[] = [];
  while (palette.length < Math.min(MOST, all.length)) {
    let next = 0;
    let most = -1;
    for (let n = 0; n < all.length; n++) {
      const missing = (palette.length === 0 ? 1 : (far[n] as number)) * (weight[n] as number);
      if (missing > most) [next, most] = [n, missing];
    }
    const colour = all[next] as number;
    for (let n = 0; n < all.length; n++) {
      const away = distance(colour, all[n] as number);
      if (away < (far[n] as number)) [far[n], nearest[n]] = [away, palette.length];
    }
    palette.push(colour);
  }
  return { palette, indexOf: new Map(all.map((colour, n) => [colour, nearest[n] as number])) };
}

function chunk(type: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const [size, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  size.writeUInt32BE(data.length);
  sum.writeUInt32BE(Bun.hash.crc32(body));
  return Buffer.concat([size, body, sum]);
}

/** The same picture, smaller. @param png as Chromium writes it */
export function smaller(png: Buffer): Buffer {
  const { width, height, colours } = decode(png);
  const { palette, indexOf } = paletteOf(colours);
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 3], 8); // 8 bits, of a palette
  const rows = Buffer.alloc((width + 1) * height);
  for (const [at, colour] of colours.entries())
    rows[at + Math.floor(at / width) + 1] = indexOf.get(colour) as number;
  const entries = palette.flatMap((colour) => [colour >> 16, (colour >> 8) & 255, colour & 255]);
  return Buffer.concat([
    SIGNATURE,
    chunk("IHDR", head),
    chunk("PLTE", Uint8Array.from(entries)),
    chunk("IDAT", deflateSync(rows, { level: 9 })),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}
