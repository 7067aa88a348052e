// The scripts call the API through nginx, and trust only the certificate that it serves.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { answers, trustOnly } from "../../provision/stack/api.ts";
import { run } from "../support/run.ts";

let folder: string;
const pem = (name: string) => readFileSync(join(folder, `${name}.pem`), "utf8");
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "mm-api-"));
  const key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
  for (const name of ["authority", "other"])
    await run(
      ["sh", "-c", `openssl req -x509 ${key} -days 2 -subj /CN=${name} -keyout ${name}.key -out ${name}.pem`],
      {},
      folder,
    );
  await run(
    [
      "sh",
      "-c",
      `openssl req ${key} -subj /CN=pool.example -keyout own.key -out own.csr && openssl x509 -req -in own.csr -CA authority.pem -CAkey authority.key -CAcreateserial -days 2 -out own.pem`,
    ],
    {},
    folder,
  );
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Whether a client that trusts one certificate accepts a server with another. */
async function believed(served: string, trusted: string): Promise<boolean> {
  const tls = { cert: pem(served), key: readFileSync(join(folder, `${served}.key`), "utf8") };
  const server = Bun.serve({ port: 0, hostname: "127.0.0.1", tls, fetch: () => new Response("ok") });
  try {
    return await answers(`https://127.0.0.1:${server.port}/readyz`, { tls: trustOnly(pem(trusted)) });
  } finally {
    await server.stop(true);
  }
}

test("its own certificate is accepted, whatever its names, and whoever signed it", async () => {
  expect(await believed("other", "other")).toBe(true);
  expect(await believed("own", "own")).toBe(true);
});

test("any other one is refused", async () => {
  expect(await believed("other", "own")).toBe(false);
  expect(await believed("own", "other")).toBe(false);
});
