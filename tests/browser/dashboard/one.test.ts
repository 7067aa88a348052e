import { test } from "bun:test";
import { LIMIT, runGroup } from "./groups.ts";

test("the dashboard in Chromium: the pool, log-in, hostile texts, killed APIs", () => runGroup("one"), LIMIT);
