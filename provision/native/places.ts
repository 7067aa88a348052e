// Paths as the services of the native stack see them, and as we do.
import { join } from "node:path";
import { isRoot, ROOT, STATE } from "../script/settings.ts";

export interface Places {
  /** .local, the program's sources and the sockets, as the services see them */
  inside: string;
  app: string;
  sockets: string;
  /** the sockets, as we see them */
  outside: string;
  /** cert.pem and key.pem, as nginx sees them */
  certificates: string;
}

/** Identifies this checkout, in 16 characters. */
export const CHECKOUT = new Bun.CryptoHasher("sha256").update(ROOT).digest("hex").slice(0, 16);

/** A socket's path may have 107 bytes. */
const LONGEST_FOLDER = 80;

/** With systemd, or if we are not root, nothing is mounted. */
function unmounted(sockets: string): Places {
  const certificates = join(STATE, "certificate");
  return { inside: STATE, app: ROOT, sockets, outside: sockets, certificates };
}

/**
 * Under s6. As root, .local is mounted at /mnt in the services' private mount namespace: so it may be in /root, which no
 * other OS user can enter.
 */
export function ownPlaces(): Places {
  const sockets = join(STATE, "run");
  if (!isRoot) {
    const short = `/tmp/machine-manager-${process.getuid?.()}-${CHECKOUT}`;
    return unmounted(sockets.length > LONGEST_FOLDER ? short : sockets);
  }
  // The mount hides whatever is there.
  const inside = `${ROOT}/`.startsWith("/mnt/") ? "/media" : "/mnt";
  return {
    inside,
    app: join(inside, "run/app"),
    sockets: join(inside, "run"),
    outside: sockets,
    certificates: join(inside, "certificate"),
  };
}

/** Under systemd, nginx has its own copies. */
export function systemdPlaces(): Places {
  const places = unmounted(join(STATE, "run"));
  return { ...places, app: join(STATE, "run/app"), certificates: "/run/machine-manager-nginx" };
}
