import { test } from "bun:test";
import { LIMIT, runGroup } from "./groups.ts";

test("the dashboard in Chromium: machines, users, events, usage", () => runGroup("admin"), LIMIT);
