// What `just run-dev` promises: an edit takes effect within 2 s.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { until } from "./until.ts";

/**
 * Edits a file, waits until that is seen, and undoes it.
 * @param from what is replaced in it, by `to`
 * @param see what the running program shows; it has `from` now
 * @returns whether it was seen within 2 s; a busy machine may be late, so one of three times is enough
 */
export async function takesEffect(
  file: string,
  from: string,
  to: string,
  see: () => Promise<string>,
): Promise<boolean> {
  const source = readFileSync(file, "utf8");
  const shows = (text: string, milliseconds: number) =>
    until(text, milliseconds, async () => (await see().catch(() => "")).includes(text));
  for (let edit = 0; edit < 3; edit++) {
    writeFileSync(file, source.replaceAll(from, to));
    const inTime = await shows(to, 2000).then(
      () => true,
      () => false,
    );
    writeFileSync(file, source);
    await shows(from, 20_000);
    if (inTime) return true;
  }
  return false;
}

const INSECURE = { tls: { rejectUnauthorized: false } };

/** The style sheet of the dashboard's page. @param site such as https://localhost:8443 */
export async function styleOf(site: string): Promise<string> {
  const page = await (await fetch(`${site}/ui/`, INSECURE)).text();
  const [, place = ""] = /<link rel="stylesheet" href="([^"]+)">/.exec(page) ?? [];
  return (await fetch(site + place, INSECURE)).text();
}

/** Whether an edit of the dashboard is on the page in time. @param folder of the checkout */
export const showsStyle = (folder: string, site: string): Promise<boolean> =>
  takesEffect(join(folder, "web/style/tokens.css"), "--widest", "--edited", () => styleOf(site));
