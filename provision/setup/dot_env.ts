// Makes .env, and gives every empty secret in it a value; existing values are never changed.
import { randomBytes } from "node:crypto";
import { chmodSync, copyFileSync, existsSync, readFileSync, renameSync, statSync } from "node:fs";
import { join } from "node:path";
import { Stop } from "../script/say.ts";
import { writeWhole } from "../script/write.ts";

/** @returns what it did, one line each. @throws Stop if a new key would lose what an old one encrypted */
export function makeDotEnv(root: string): string[] {
  const file = join(root, ".env");
  const done: string[] = [];
  if (!existsSync(file)) {
    if (existsSync(join(root, ".local/mysql/data")))
      throw new Stop(
        ".env is gone, and the database in .local was made with its SECRET_KEY: restore .env, or start from scratch with: just clean",
      );
    copyFileSync(join(root, ".env.example"), `${file}.new`);
    chmodSync(`${file}.new`, 0o600);
    renameSync(`${file}.new`, file);
    done.push("made .env with new secrets (mode 600)");
  }
  if ((statSync(file).mode & 0o777) !== 0o600) chmodSync(file, 0o600);
  const secrets = {
    DATABASE_PASSWORD: randomBytes(24).toString("hex"),
    DATABASE_OWNER_PASSWORD: randomBytes(24).toString("hex"),
    SECRET_KEY: randomBytes(32).toString("base64"),
  };
  for (const [name, value] of Object.entries(secrets)) {
    const text = readFileSync(file, "utf8");
    if (name === "SECRET_KEY" && /^SECRET_KEY_FILE=./m.test(text)) continue;
    const added = withSecret(text, name, value);
    if (added === text) continue;
    writeWhole(file, added);
    done.push(`added ${name} to .env`);
  }
  return done;
}

/** The text with the value in the line `NAME=`, or appended; unchanged if it already has one. */
function withSecret(text: string, name: string, value: string): string {
  if (new RegExp(`^(export )?${name}=.`, "m").test(text)) return text;
  const empty = new RegExp(`^${name}=$`, "m");
  if (empty.test(text)) return text.replace(empty, () => `${name}=${value}`);
  return `${text}${text === "" || text.endsWith("\n") ? "" : "\n"}${name}=${value}\n`;
}
