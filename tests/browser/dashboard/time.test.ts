import { test } from "bun:test";
import { LIMIT, runGroup } from "./groups.ts";

test("the dashboard in Chromium: timeline, reservations, series", () => runGroup("time"), LIMIT);
