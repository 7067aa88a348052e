import { expect, mock, setDefaultTimeout, test } from "bun:test";
import { hashPassword, isPassword } from "../../../pool/identity/passwords.ts";

setDefaultTimeout(30_000);

test("a hash matches only its password, however that was typed; without a hash, nothing matches", async () => {
  const hash = await hashPassword("e\u0301ight characters");
  expect(hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$[\w+/]{22}\$[\w+/]{43}$/);
  expect(await hashPassword("e\u0301ight characters")).not.toBe(hash);
  expect(await isPassword("\u00e9ight characters", hash, "ann")).toBe(true);
  expect(await isPassword("eight characters", hash, "ann")).toBe(false);
  expect(await isPassword("", null, "ann")).toBe(false);
});

test("never more than two at once, since each takes 19 MiB", async () => {
  const real = { ...(await import("@node-rs/argon2")) };
  let running = 0;
  let most = 0;
  const counted =
    <In extends unknown[], Out>(work: (...all: In) => Promise<Out>) =>
    async (...all: In) => {
      most = Math.max(most, ++running);
      try {
        return await work(...all);
      } finally {
        running--;
      }
    };
  mock.module("@node-rs/argon2", () => ({ hash: counted(real.hash), verify: counted(real.verify) }));
  try {
    await Promise.all(
      [1, 2, 3, 4].flatMap((n) => [hashPassword(`number ${n}`), isPassword("x", null, `${n}`)]),
    );
  } finally {
    mock.module("@node-rs/argon2", () => real);
  }
  expect(most).toBe(2);
});

test("many tries for one name don't make another wait", async () => {
  const order: string[] = [];
  const look = (whose: string) => isPassword("x", null, whose).then(() => order.push(whose));
  await Promise.all([...Array.from({ length: 9 }, () => look("ursula")), look("una")]);
  expect(order).toHaveLength(10);
  expect(order.indexOf("una")).toBeLessThan(8);
});
