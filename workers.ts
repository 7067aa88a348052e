import { spawn } from "node:child_process";
import type { Log } from "./log.ts";

/**
 * Runs `count` copies of this program on one port and restarts any that ends (after a second, so that a program that
 * can't start does not spin). Passes signals on, and exits when the last copy has.
 */
export function superviseWorkers(count: number, log: Log): void {
  let stopping = false;
  const running = new Set<ReturnType<typeof spawn>>();
  const start = () => {
    const worker = spawn(process.execPath, process.argv.slice(1), {
      stdio: "inherit",
      env: { ...process.env, MACHINE_MANAGER_WORKER: "1" },
    });
    running.add(worker);
    worker.on("exit", (code) => {
      running.delete(worker);
      if (stopping) {
        if (running.size === 0) process.exit(0);
        return;
      }
      log("error", "a worker ended and is being restarted", { code });
      setTimeout(() => !stopping && start(), 1000);
    });
  };
  for (const signal of ["SIGTERM", "SIGINT"] as const)
    process.on(signal, () => {
      stopping = true;
      if (running.size === 0) process.exit(0);
      for (const worker of running) worker.kill("SIGTERM");
    });
  for (let n = 0; n < count; n++) start();
}
