// A proxy between a program and MariaDB that cuts a connection at the n-th COMMIT: before the server gets it, or after the
// server did it and before the program learns of it.
import { createServer, connect as netConnect, type Socket } from "node:net";
import { join } from "node:path";
import type { TestServer } from "../../support/database.ts";

/** A COM_QUERY packet (https://mariadb.com/kb/en/com_query/) that says commit. */
const COMMIT = Buffer.from("\x07\x00\x00\x00\x03commit", "latin1");

export interface Cutter {
  /** The DATABASE_URL that leads through it. */
  through(url: string): string;
  /** Cuts at the n-th COMMIT from now on. @param stays blocks everything afterwards, until the next `arm` */
  arm(n: number, when: "before" | "after", stays?: boolean): void;
  /** Whether it cut. */
  cut(): boolean;
  close(): void;
}

export async function startCutter(server: TestServer): Promise<Cutter> {
  const path = join(server.folder, "cutter");
  const open = new Set<Socket>();
  let left = 0;
  let mode: "before" | "after" = "before";
  let done = false;
  let away = false;
  const listener = createServer((client) => {
    if (done && away) return client.destroy();
    const upstream = netConnect(server.socket);
    let deaf = false;
    const end = () => {
      client.destroy();
      upstream.destroy();
    };
    for (const one of [client, upstream]) {
      open.add(one);
      one.on("error", end);
      one.on("close", end);
    }
    client.on("data", (data: Buffer) => {
      if (left > 0 && data.includes(COMMIT) && --left === 0) {
        done = true;
        if (away) for (const one of open) if (one !== client && one !== upstream) one.destroy();
        if (mode === "before") return end();
        deaf = true;
      }
      upstream.write(data);
    });
    upstream.on("data", (data: Buffer) => (deaf ? end() : client.write(data)));
  });
  await new Promise<void>((go) => listener.listen(path, go));
  return {
    through(url) {
      const at = new URL(url);
      at.searchParams.set("socketPath", path);
      return at.toString();
    },
    arm(n, when, stays = false) {
      left = n;
      mode = when;
      away = stays;
      done = false;
    },
    cut: () => done,
    close() {
      listener.close();
      for (const one of open) one.destroy();
    },
  };
}
