import { randomBytes } from "node:crypto";
import { limit } from "../accounts/limit.ts";

/**
 * argon2id with 19 MiB, two passes and one lane: OWASP's Password Storage Cheat Sheet,
 * https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html
 */
const ARGON2ID = { algorithm: 2, memoryCost: 19_456, timeCost: 2, parallelism: 1 };

/** At most two at once in one process: each takes 19 MiB and a core. */
const turn = limit(2);

/** Loaded with the first password: it is native code, for which Deno needs permission, and most routes don't need it. */
const library = () => import("@node-rs/argon2");

/** One form, however the keyboard composed it. */
const normal = (password: string) => password.normalize("NFC");

/** Used where there is no hash: checking it takes as long as a real one, and no password matches. */
function dummyHash(): string {
  const random = (bytes: number) => randomBytes(bytes).toString("base64").replace(/=+$/, "");
  const { memoryCost, timeCost, parallelism } = ARGON2ID;
  return `$argon2id$v=19$m=${memoryCost},t=${timeCost},p=${parallelism}$${random(16)}$${random(32)}`;
}

/** @returns argon2id with a random salt, in the PHC format */
export function hashPassword(password: string): Promise<string> {
  return turn(async () => (await library()).hash(normal(password), ARGON2ID));
}

const atWork = new Map<string, Promise<unknown>>();

/** One at a time per name, so that many tries for one name don't delay another's first. */
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
 * Whether the password matches the hash; without a hash (null) the same work is done, and it never matches.
 * @param whose the user's name: tries for one name are checked one at a time
 */
export function isPassword(password: string, hash: string | null, whose: string): Promise<boolean> {
  return inLine(whose, () =>
    turn(async () => {
      const same = await (await library()).verify(hash ?? dummyHash(), normal(password));
      return same && hash !== null;
    }),
  );
}
