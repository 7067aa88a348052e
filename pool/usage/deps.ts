import type { Db } from "../../db/client.ts";

export interface UsageDeps {
  db: Db;
}
