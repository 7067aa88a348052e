// Debian starts a package's services during installation, and enables them for the next boot. This program runs its own
// copies on its own ports, so policy-rc.d prevents the former during the installation, and afterwards each new service is
// disabled.
import { existsSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { ask, onSignal } from "../script/children.ts";

const SERVICES = ["mariadb", "nginx", "ssh"];
const POLICY = "/usr/sbin/policy-rc.d";
const KEPT = `${POLICY}.before-machine-manager`;

const there = (service: string) =>
  existsSync(`/etc/init.d/${service}`) || existsSync(`/lib/systemd/system/${service}.service`);

function restorePolicy(): void {
  rmSync(POLICY, { force: true });
  if (existsSync(KEPT)) renameSync(KEPT, POLICY);
}

/** Runs an installation. @returns the services that came with it, which are off */
export async function withoutServices(install: () => Promise<void>): Promise<string[]> {
  const fresh = SERVICES.filter((service) => !there(service));
  if (existsSync(POLICY)) renameSync(POLICY, KEPT);
  writeFileSync(POLICY, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
  const forget = onSignal(restorePolicy);
  try {
    await install();
  } finally {
    restorePolicy();
    forget();
  }
  const came = fresh.filter(there);
  for (const service of came) await ask(["update-rc.d", service, "disable"]);
  return came;
}
