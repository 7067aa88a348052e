// The driver of a mode.
import { dockerDriver } from "../docker.ts";
import type { Driver } from "../driver.ts";
import type { Mode } from "../mode.ts";
import { nativeDriver } from "../native.ts";
import type { Settings } from "../script/settings.ts";

const DRIVERS: Record<Mode, (settings: Settings) => Driver> = { docker: dockerDriver, native: nativeDriver };

export const driverOf = (mode: Mode, settings: Settings): Driver => DRIVERS[mode](settings);
