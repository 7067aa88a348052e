import { Client, type ServerHostKeyAlgorithm } from "ssh2";
import { algorithmsFor, keyText, type Target } from "./connect.ts";
import { MachineFault } from "./faults.ts";

/** The kinds of key that a machine's row may have (http/models/machine.ts); those of ssh-rsa sign with SHA-2. */
const TYPES = ["ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa"];

/**
 * Learns which host key a machine shows. The connection ends before the login: no name or secret is sent.
 * @param target.hostKey its kind comes first, so that it can be compared; null: the machine's best
 * @returns "type base64"
 * @throws MachineFault unreachable
 */
export function shownHostKey(
  { host, port, hostKey }: Pick<Target, "host" | "port" | "hostKey">,
  connectSeconds: number,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const client = new Client();
    let shown = "";
    const end = (why: string) => {
      clearTimeout(timer);
      client.destroy();
      if (shown) resolve(shown);
      else reject(new MachineFault("unreachable", why));
    };
    const timer = setTimeout(() => end(`no SSH answer within ${connectSeconds} s`), connectSeconds * 1000);
    client.on("error", (error) => end(`can't connect: ${error.message}`));
    client.on("close", () => end("the machine closed the connection"));
    const known = hostKey?.split(" ")[0];
    const types = known ? [known, ...TYPES.filter((type) => type !== known)] : TYPES;
    client.connect({
      host,
      port,
      username: "nobody", // never sent
      algorithms: { serverHostKey: types.flatMap(algorithmsFor) as ServerHostKeyAlgorithm[] },
      readyTimeout: 0,
      hostVerifier: (blob: Buffer) => {
        shown = keyText(blob);
        return false;
      },
    });
  });
}
