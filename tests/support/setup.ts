// Loaded before every test file: real parts take their time; what hangs is still ended.
import { setDefaultTimeout } from "bun:test";

setDefaultTimeout(120_000);
