import { randomBytes } from "node:crypto";
import { limit } from "../accounts/limit.ts";

/**
 * argon2id with 19 MiB, two passes and one lane: OWASP's Password Storage Cheat Sheet,
 * https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html
 */
const ARGON2ID = { algorithm: 2, memoryCost: 19_456, timeCost: 2, parallelism: 1 };

/** So many at once in one process, the others wait: each takes 19 MiB and a core. */
const turn = limit(2);

/** Loaded when the first password comes: it is native code, for which Deno asks leave, and most routes need none of it. */
const library = () => import("@node-rs/argon2");

/** One text, however the keyboard put it together. */
const normal = (password: string) => password.normalize("NFC");

/** What stands for the hash of somebody who has none: to look at it takes as long as at a real one, and nothing fits. */
function nobodysHash(): string {
  const random = (bytes: number) => randomBytes(bytes).toString("base64").replace(/=+$/, "");
  const { memoryCost, timeCost, parallelism } = ARGON2ID;
  return `$argon2id$v=19$m=${memoryCost},t=${timeCost},p=${parallelism}$${random(16)}$${random(32)}`;
}

/** @returns argon2id with a random salt, in the PHC format */
export function hashPassword(password: string): Promise<string> {
  return turn(async () => (await library()).hash(normal(password), ARGON2ID));
}

const atWork = new Map<string, Promise<unknown>>();

/** One after the other of the same name, so that nobody's many tries are in front of another one's first. */
async function inLine<T>(whose: string, work: () => Promise<T>): Promise<T> {
  const mine = (atWork.get(whose) ?? Promise.resolve()).then(work, work);
  atWork.set(whose, mine);
  try {
    return await mine;
  } finally {
    if (atWork.get(whose) === mine) atWork.delete(whose);
  }
}

/**
 * Whether it is the password of that hash; without a hash (null) the same work is done, and it is not.
 * @param whose the account's name: one try of an account is looked at at a time
 */
export function isPassword(password: string, hash: string | null, whose: string): Promise<boolean> {
  return inLine(whose, () =>
    turn(async () => {
      const same = await (await library()).verify(hash ?? nobodysHash(), normal(password));
      return same && hash !== null;
    }),
  );
}
