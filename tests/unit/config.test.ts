import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readConfig, readMaintenance } from "../../config.ts";

const good = { DATABASE_URL: "mysql://a:b@h/x", SECRET_KEY: Buffer.alloc(32, 1).toString("base64") };
const problemOf = (env: Record<string, string>) => {
  try {
    readConfig({ ...good, ...env });
    return "";
  } catch (error) {
    return String(error);
  }
};

test("defaults work; an empty variable counts as not set", () => {
  expect(readConfig({ ...good, PORT: "", LOG_LEVEL: "" })).toMatchObject({
    server: { port: 3000, host: "127.0.0.1", logLevel: "info" },
  });
});

test("all bad values are named at once, in one line, without their content", () => {
  const text = problemOf({
    SECRET_KEY: "hunter2",
    PORT: "1.5",
    SCHEDULER: "maybe",
    LOG_LEVEL: "loud",
    EXPIRE_EVERY: "0",
  });
  for (const name of ["SECRET_KEY", "PORT", "SCHEDULER", "LOG_LEVEL", "EXPIRE_EVERY"])
    expect(text).toContain(name);
  expect(text).not.toContain("hunter2");
  expect(text).not.toContain("\n");
});

test("a bad value is explained in words", () => {
  expect(problemOf({ PORT: "0x10", PRETTY_JSON: "yes", EXPIRE_EVERY: "60" })).toEndWith(
    "PORT must be a whole number from 0 to 65535; EXPIRE_EVERY must be a whole number from 1 to 59; PRETTY_JSON must be true or false",
  );
});

test("a database's address or a network that can't be read is refused by name", () => {
  for (const password of ["hunter/2", "hunter#2", "hunter?2", "hunter%2", "hunter%ff2"]) {
    const text = problemOf({ DATABASE_URL: `mysql://a:${password}@h/x` });
    expect([password, text]).toEqual([password, expect.stringContaining("DATABASE_URL must look like")]);
    expect(text).not.toContain("hunter");
  }
  expect(problemOf({ DATABASE_URL: "mysql://a:b@h:99999/x" })).toContain("DATABASE_URL");
  for (const url of [
    "mysql://a:h%2Fu%25@h/x",
    "mysql://a:b@[::1]:3306/x",
    "mysql://root@localhost/x?socketPath=%2Fs",
  ])
    expect(problemOf({ DATABASE_URL: url })).toBe("");
  for (const network of ["10.0.0.0/33", "999.0.0.0/8", "fe80::/129", "10.0.0.0/8,1/8"])
    expect(problemOf({ ALLOWED_MACHINE_NETWORKS: network })).toContain("ALLOWED_MACHINE_NETWORKS");
  expect(problemOf({ ALLOWED_MACHINE_NETWORKS: "10.0.0.0/8, fd00::/8" })).toBe("");
});

test("the pool's uids: at least a thousand, without the reserved ones", () => {
  expect(readConfig(good).uids).toEqual({ first: 20_000, last: 59_999 });
  const range = (first: string, last: string) => problemOf({ UID_MIN_POOL: first, UID_MAX_POOL: last });
  for (const [first, last] of [
    ["1000", "1999"],
    ["65536", "70000"],
    ["2147482648", "2147483647"],
  ] as const)
    expect(range(first, last)).toBe("");
  for (const [first, last, why] of [
    ["999", "59999", "UID_MIN_POOL"],
    ["0", "59999", "UID_MIN_POOL"],
    ["20000", "2147483648", "UID_MAX_POOL"],
    ["20000", "-1", "UID_MAX_POOL"],
    ["20000", "20998", "1000 uids"],
    ["59999", "20000", "1000 uids"],
    ["20000", "65534", "65534"],
    ["65535", "70000", "65535"],
    ["60000", "70000", "65534 or 65535"],
  ] as const)
    expect(range(first, last)).toContain(why);
});

test("beyond loopback only with a token, or behind a published loopback address", () => {
  expect(problemOf({ HOST: "0.0.0.0" })).toContain("ADMIN_TOKEN");
  expect(problemOf({ HOST: "0.0.0.0", PUBLISH_ADDRESS: "10.0.0.1" })).toContain("ADMIN_TOKEN");
  expect(problemOf({ HOST: "0.0.0.0", ADMIN_TOKEN: "0123456789abcdef" })).toBe("");
  expect(problemOf({ HOST: "0.0.0.0", PUBLISH_ADDRESS: "127.0.0.1" })).toBe("");
});

test("a secret may come from a file, but not from both", () => {
  const folder = mkdtempSync(join(tmpdir(), "mm-config-"));
  try {
    const file = join(folder, "token");
    writeFileSync(file, "0123456789abcdef\n");
    expect(readConfig({ ...good, ADMIN_TOKEN_FILE: file }).secrets.adminToken).toBe("0123456789abcdef");
    expect(problemOf({ ADMIN_TOKEN: "0123456789abcdef", ADMIN_TOKEN_FILE: file })).toContain("both");
    expect(problemOf({ ADMIN_TOKEN_FILE: `${file}.none` })).toContain("can't read");
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("a maintenance command reads the two database users of one database, and nothing else", () => {
  const both = { DATABASE_URL: "mysql://a:secret@h/x", DATABASE_OWNER_URL: "mysql://o:secret@h/x" };
  expect(readMaintenance(both)).toEqual({
    database: { url: both.DATABASE_URL, ownerUrl: both.DATABASE_OWNER_URL },
    events: { days: 365 },
  });
  const refused = (env: Record<string, string>) => {
    try {
      readMaintenance({ ...both, ...env });
      return "";
    } catch (error) {
      expect(String(error)).not.toContain("secret");
      return String(error);
    }
  };
  expect(refused({ DATABASE_OWNER_URL: "" })).toContain("DATABASE_OWNER_URL is not set");
  expect(refused({ DATABASE_OWNER_URL: "mysql://o:secret@h/y" })).toContain("different databases");
  expect(refused({ EVENTS_DAYS: "-1" })).toContain("EVENTS_DAYS");
  expect(refused({ DATABASE_URL: "secret" })).toContain("DATABASE_URL must look like");
});
