// An SSH login, as a user would do it.
import { Client } from "ssh2";

export interface Login {
  port: number;
  username: string;
  password?: string;
  privateKey?: string;
}

/** Logs in and runs a command. @returns what it printed @throws Error when the login is refused */
export function ssh(login: Login, command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const client = new Client();
    client.on("error", (error) => {
      client.destroy();
      reject(error);
    });
    // Even without an error, if the other side just disconnects; after the answer this changes nothing.
    client.on("close", () => reject(new Error("the connection was closed")));
    client.on("ready", () =>
      client.exec(command, (error, stream) => {
        if (error) return reject(error);
        let out = "";
        stream.on("data", (part: Buffer) => {
          out += part;
        });
        stream.stderr.on("data", (part: Buffer) => {
          out += part;
        });
        stream.on("close", () => {
          client.end();
          resolve(out.trim());
        });
      }),
    );
    client.connect({ host: "127.0.0.1", readyTimeout: 15_000, ...login });
  });
}

/** Whether that login works right now. */
export async function canLogIn(login: Login): Promise<boolean> {
  try {
    return (await ssh(login, "id -un")) === login.username;
  } catch {
    return false;
  }
}
