// A failed registration undoes only what it did itself, not another machine that has the same name by then.
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { readConfig } from "../../../config.ts";
import { machines } from "../../../db/schema/pool.ts";
import { build, type Deps } from "../../../deps.ts";
import { PoolError } from "../../../pool/errors.ts";
import { removeThis } from "../../../pool/machines/remove.ts";
import { startPool, type TestPool } from "../../support/pool.ts";
import { call } from "../../support/program.ts";

setDefaultTimeout(60_000);

let pool: TestPool;
let deps: Deps;
beforeAll(async () => {
  pool = await startPool(0);
  deps = build(readConfig(pool.settings));
});
afterAll(async () => {
  await deps.database.close();
  await pool.stop();
});

test("removing a machine by its id doesn't remove another one that has its name by now", async () => {
  const register = (port: number) =>
    call(pool.api, "POST", "/machines?check=false", { name: "twin", host: "localhost", port, password: "x" });
  expect((await register(2201)).status).toBe(201);
  const [first] = await deps.db.select().from(machines);
  if (!first) throw new Error("no machine");
  expect((await call(pool.api, "DELETE", "/machines/twin")).status).toBe(200);
  expect((await register(2202)).status).toBe(201);
  const error = await removeThis(deps, first, true).catch((thrown) => thrown);
  expect(error).toBeInstanceOf(PoolError);
  expect(error.kind).toBe("machine_not_found");
  expect((await call(pool.api, "GET", "/machines/twin")).body.port).toBe(2202);
});
