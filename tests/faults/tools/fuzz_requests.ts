// Random requests: from the API's own description (almost right), and from scratch (wild).
import fc, { type Arbitrary } from "fast-check";
import type { Request } from "./raw.ts";

// biome-ignore lint/suspicious/noExplicitAny: a parsed JSON document
type Json = any;

/** Texts that have broken programs before. */
export const EVIL = [
  "",
  " ",
  "\u0000",
  "a\u0000b",
  "a\nb",
  "a\r\nX-Evil: 1",
  "\u001b[2J",
  "💥👩‍👩‍👧",
  "\u202egnp.exe",
  "مرحبا",
  "ÅÄÖ",
  "A\u030a",
  "\ud800",
  "\ufeff",
  "'",
  '"',
  "\\",
  "`",
  "' OR '1'='1",
  "'; DROP TABLE machines; --",
  "1; UPDATE machines SET state='available'",
  '" UNION SELECT secret FROM machines #',
  "$(reboot)",
  "`id`",
  "; rm -rf /",
  "| nc 127.0.0.1 1",
  "&& false",
  "-rf",
  "--help",
  "../../etc/passwd",
  "..%2f..%2fetc",
  "%",
  "%zz",
  "%00",
  "%c0%ae",
  "{{7*7}}",
  // biome-ignore lint/suspicious/noTemplateCurlyInString: meant
  "${7*7}",
  "<script>alert(1)</script>",
  "__proto__",
  "constructor",
  "toString",
  "hasOwnProperty",
  "null",
  "undefined",
  "NaN",
  "true",
  "root",
  "a".repeat(33),
  "a".repeat(300),
  "x".repeat(20_000),
];
const NUMBERS = [
  0,
  -0,
  -1,
  1,
  2,
  1.5,
  1e-7,
  1e21,
  1e308,
  2 ** 31,
  2 ** 31 - 1,
  2 ** 53,
  -(2 ** 63),
  65_535,
  65_536,
];

const text = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...EVIL) },
  fc.string({ maxLength: 40 }),
  fc.string({ unit: "binary", maxLength: 20 }),
  fc.string({ unit: "grapheme", maxLength: 20 }),
);
const number = fc.oneof(
  fc.constantFrom(...NUMBERS),
  fc.integer(),
  fc.double({ noDefaultInfinity: true, noNaN: true }),
);
const wild: Arbitrary<unknown> = fc.oneof(
  text,
  number,
  fc.boolean(),
  fc.constant(null),
  fc.array(fc.oneof(text, number), { maxLength: 3 }),
  fc.dictionary(
    fc.oneof(fc.constantFrom("__proto__", "constructor", "a", "0"), text),
    fc.oneof(text, number),
    { maxKeys: 3 },
  ),
  fc.jsonValue({ maxDepth: 3 }),
);

/** A value that fits the schema, most of the time. */
function near(schema: Json): Arbitrary<unknown> {
  if (schema?.enum) return fc.constantFrom(...schema.enum);
  if (schema?.anyOf) return fc.oneof(...schema.anyOf.map(near));
  if (schema?.type === "integer") {
    const { minimum: min = -10, maximum: max = 10 } = schema;
    return fc.oneof(fc.integer({ min, max }), fc.constantFrom(min, min + 1, max, min - 1, max + 1));
  }
  if (schema?.type === "boolean") return fc.boolean();
  if (schema?.type === "array") return fc.array(near(schema.items), { maxLength: 3 });
  if (schema?.type === "object") return objectOf(schema);
  if (schema?.pattern) return fc.stringMatching(new RegExp(schema.pattern.replace("(?!root$)", "")));
  return fc.string({ minLength: schema?.minLength ?? 0, maxLength: Math.min(schema?.maxLength ?? 20, 20) });
}

const maybe = (schema: Json, required: boolean): Arbitrary<unknown> =>
  fc.oneof(
    { weight: 12, arbitrary: near(schema) },
    { weight: 2, arbitrary: wild },
    { weight: required ? 1 : 6, arbitrary: fc.constant(undefined) },
  );

function objectOf(schema: Json): Arbitrary<unknown> {
  if (!schema.properties)
    return fc.dictionary(fc.stringMatching(/^[a-z./-]{1,8}$/), near(schema.additionalProperties ?? {}), {
      maxKeys: 3,
    });
  const required = new Set(schema.required ?? []);
  const fields = Object.fromEntries(
    Object.entries(schema.properties).map(([name, one]) => [name, maybe(one, required.has(name))]),
  );
  const extra = fc.oneof(
    { weight: 8, arbitrary: fc.constant({}) },
    fc.dictionary(fc.oneof(text, fc.constantFrom("__proto__", "constructor", "id", "state")), wild, {
      maxKeys: 2,
    }),
  );
  return fc.tuple(fc.record(fields), extra).map(([own, more]) => {
    const kept = Object.entries(own).filter(([, value]) => value !== undefined);
    return Object.fromEntries([...kept, ...Object.entries(more)]);
  });
}

const escaped = (value: unknown) =>
  encodeURIComponent((typeof value === "object" ? JSON.stringify(value) : `${value}`).toWellFormed());
/** Anything that is possible in a request line: what isn't is escaped, what is merely odd stays. */
const asIs = (value: string) => value.replace(/[^!-~]|#/gu, (c) => escaped(c));

const oddPart = fc.constantFrom(
  "%",
  "%2",
  "%zz",
  "%00",
  "%ff",
  "%c0%ae",
  "..",
  ".",
  "%2e%2e",
  "a%2Fb",
  "*",
  ";",
  "a;b=1",
  "+",
  "%F0%9F%92%A5",
);
const known = fc.constantFrom("fuzz-1", "fuzz-2", "nobody", "00000000-0000-4000-8000-000000000000");

function segment(): Arbitrary<string> {
  return fc.oneof(
    { weight: 3, arbitrary: known },
    { weight: 2, arbitrary: text.map(escaped) },
    oddPart,
    text.map(asIs),
  );
}

function queryOf(parameters: Json[]): Arbitrary<string> {
  const own = parameters
    .filter((one) => one.in === "query")
    .map((one) =>
      maybe(one.schema, one.required).map((value) =>
        value === undefined ? [] : [[one.name, escaped(value)]],
      ),
    );
  const more = fc.oneof(
    { weight: 6, arbitrary: fc.constant([] as string[][]) },
    fc.array(
      fc.tuple(
        fc.oneof(
          fc.constantFrom("username", "count", "force", "check", "__proto__", "a[]", "", "wat"),
          text.map(escaped),
        ),
        fc.oneof(text.map(escaped), oddPart, text.map(asIs)),
      ),
      { maxLength: 3 },
    ),
  );
  return fc.tuple(...own, more).map((all) => {
    const pairs = all.flat() as string[][];
    return pairs.length === 0 ? "" : `?${pairs.map(([name, value]) => `${name}=${value}`).join("&")}`;
  });
}

const encoded = new TextEncoder();
/** Almost always JSON; now and then truncated, duplicated, in another encoding, or missing. */
function bodyOf(schema: Json): Arbitrary<Uint8Array | undefined> {
  const value = schema ? fc.oneof({ weight: 8, arbitrary: near(schema) }, wild) : wild;
  const json = value.map((one) => JSON.stringify(one) ?? "");
  const spoiled = fc.tuple(json, fc.nat(60), fc.nat(5)).map(([good, cut, how]) => {
    if (how === 0) return encoded.encode(good.slice(0, cut));
    if (how === 1)
      return encoded.encode(good.replace("{", '{"username":"a","name":"b","__proto__":{"x":1},'));
    if (how === 2) return Buffer.from(good, "utf16le");
    if (how === 3) return Buffer.concat([Buffer.from([0xff, 0xfe]), encoded.encode(good)]);
    if (how === 4) return encoded.encode(`\ufeff${good}`);
    return encoded.encode(good + good);
  });
  const some = fc.oneof({ weight: 8, arbitrary: json.map((good) => encoded.encode(good)) }, spoiled);
  return schema
    ? fc.oneof({ weight: 20, arbitrary: some }, fc.constant(undefined))
    : fc.oneof({ weight: 8, arbitrary: fc.constant(undefined) }, some);
}

const TYPES = [
  "text/plain",
  "application/x-www-form-urlencoded",
  "multipart/form-data; boundary=x",
  "application/json; charset=utf-16",
  "APPLICATION/JSON",
  "",
  "application/xml",
];
const headerValue = text.map((one) => one.replace(/[^ -~\u0080-\u00ff]/gu, "").trim());
const headers = (hasBody: boolean) =>
  fc
    .tuple(
      fc.oneof(
        { weight: hasBody ? 16 : 1, arbitrary: fc.constant("application/json") },
        fc.constantFrom(...TYPES),
        fc.constant(undefined),
      ),
      fc.oneof({ weight: 4, arbitrary: fc.constant(undefined) }, fc.constantFrom("one", "two"), headerValue),
      fc.oneof(
        { weight: 12, arbitrary: fc.constant([]) },
        fc.array(
          fc.tuple(
            fc.constantFrom(
              "X-Request-Id",
              "Authorization",
              "Accept",
              "Cookie",
              "Range",
              "If-None-Match",
              "Accept-Encoding",
              "X-HTTP-Method-Override",
              "Origin",
            ),
            headerValue,
          ),
          { maxLength: 3 },
        ),
      ),
    )
    .map(([type, key, more]) => [
      ...(type === undefined ? [] : [["Content-Type", type] as [string, string]]),
      ...(key === undefined ? [] : [["Idempotency-Key", key] as [string, string]]),
      ...(more as [string, string][]),
    ]);

const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];

/** nginx, or Bun's HTTP itself, refuses longer URLs or headers before we see them. */
const LONGEST = 7000;

/** Requests for every operation in the document, and some that it doesn't have. */
export function requests(document: Json): Arbitrary<Request> {
  const all = Object.entries<Json>(document.paths).flatMap(([path, operations]) =>
    Object.entries<Json>(operations).map(([method, operation]) => {
      const schema = operation.requestBody?.content?.["application/json"]?.schema;
      const target = path
        .split("/")
        .slice(1)
        .map((part) => (part.startsWith("{") ? segment() : fc.constant(part)));
      const verb = fc.oneof(
        { weight: 15, arbitrary: fc.constant(method.toUpperCase()) },
        fc.constantFrom(...METHODS),
      );
      return fc
        .tuple(
          verb,
          fc.tuple(...target),
          queryOf(operation.parameters ?? []),
          headers(Boolean(schema)),
          bodyOf(schema),
        )
        .map(
          ([how, parts, query, head, body]): Request => ({
            method: how,
            target: `/${parts.join("/")}${query}`,
            headers: head,
            body,
          }),
        );
    }),
  );
  const nowhere = fc
    .tuple(
      fc.constantFrom(...METHODS),
      fc.array(fc.oneof(segment(), fc.constantFrom("machines", "reservations", "swagger")), { maxLength: 3 }),
      queryOf([]),
      headers(false),
      bodyOf(undefined),
    )
    .map(
      ([method, parts, query, head, body]): Request => ({
        method,
        target: `/${parts.join("/")}${query}`,
        headers: head,
        body,
      }),
    );
  return fc
    .oneof(...all.map((arbitrary) => ({ weight: 2, arbitrary })), nowhere)
    .map(harmless)
    .filter(
      ({ target, headers: head }) =>
        target.length < LONGEST && head.every(([, value]) => value.length < LONGEST),
    );
}

/**
 * Makes sure that nothing beyond this machine, and no sshd on it, is ever contacted: a host becomes 127.0.0.1, a port one of
 * 1 to 19. And a real machine keeps its host key: with a wrong one it would rightly be unreachable.
 */
export function harmless(request: Request): Request {
  if (!request.body) return request;
  let value: Json;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(request.body));
  } catch {
    return request;
  }
  if (value === null || typeof value !== "object") return request;
  const changed = (): Request => ({ ...request, body: encoded.encode(JSON.stringify(value)) });
  if (request.method === "PATCH" && request.target.includes("fuzz-") && "host_key" in value) {
    delete value.host_key;
    return changed();
  }
  if (typeof value.host !== "string" && typeof value.host !== "number") return request;
  if (/^[A-Za-z0-9[\]:.-]+$/.test(`${value.host}`)) value.host = "127.0.0.1";
  const port = ["string", "number"].includes(typeof value.port) ? Number(value.port) : 22;
  if (port >= 1 && port <= 65_535) value.port = Math.trunc(1 + (port % 19));
  return changed();
}
