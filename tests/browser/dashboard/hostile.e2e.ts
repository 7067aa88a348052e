// Texts that come from people and machines stay texts, on every page: markup, other directions of writing, very long words.
import { api, control, expect, logIn, test } from "./fixture.ts";

const MARKUP = `<img src=x onerror="document.title='owned'">`;
const BIDI = "\u202Egnp.exe\u2066";
const LONG = "x".repeat(200);

/** Where the texts are seen without a click. */
const SHOWN_ON = ["/ui/", "/ui/timeline", "/ui/machines", "/ui/users"];

// No machine's name is like this one: the API refuses to be asked about it.
test.use({ expected: /status of 400/ });

test("markup and bidi characters in names, labels, faults and host keys change nothing", async ({ page }) => {
  const [before] = await control(
    "sql",
    "SELECT id, name, labels, facts, host_key FROM machines WHERE name = 'lab-4'",
  );
  await api("POST", "/reservations", { username: "eve", machines: ["lab-3"] });
  await control(
    "sql",
    "UPDATE reservations SET username = ? WHERE username = 'eve'",
    `${MARKUP.slice(0, 28)}`,
  );
  await control("sql", "UPDATE users SET name = ? WHERE name = 'ben'", `${MARKUP.slice(0, 60)}${BIDI}`);
  await control(
    "sql",
    "UPDATE machines SET name = ?, labels = ?, facts = ?, host_key = ?, state = 'quarantined', fault = 'failed', last_error = ?, retry_at = UTC_TIMESTAMP(3) + INTERVAL 1 HOUR WHERE id = ?",
    `${MARKUP.slice(0, 50)}${BIDI}`,
    JSON.stringify({ [MARKUP.slice(0, 30)]: MARKUP, zone: BIDI, long: LONG }),
    JSON.stringify({ os: MARKUP, arch: BIDI }),
    `ssh-ed25519 ${MARKUP}`,
    `${MARKUP}${BIDI}${LONG}`,
    before.id,
  );
  try {
    await logIn(page, "dora");
    await page.goto("/ui/");
    await expect(page.getByRole("link", { name: "dora (admin)" })).toBeVisible();
    const links = await page.getByRole("navigation").getByRole("link").all();
    const places = await Promise.all(links.map((link) => link.getAttribute("href")));
    expect(places.length).toBeGreaterThan(7);
    for (const place of places) {
      await page.goto(place as string);
      await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
      if (SHOWN_ON.includes(place as string))
        await expect(page.getByText("<img src=x onerror").first()).toBeVisible();
      await expect(page).toHaveTitle(/Machine Manager$/);
      expect(await page.locator("img").count()).toBe(0);
      expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
      // Every text with a character that turns the direction is isolated.
      const turned = await page.evaluate(() => {
        const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
        const open: string[] = [];
        for (let node = walk.nextNode(); node; node = walk.nextNode())
          if (
            /[\u202A-\u202E\u2066-\u2069]/.test(node.textContent ?? "") &&
            !node.parentElement?.closest("bdi, pre, option")
          )
            open.push(node.parentElement?.outerHTML.slice(0, 100) ?? "");
        return open;
      });
      expect([place, turned]).toEqual([place, []]);
    }
  } finally {
    await control("sql", "UPDATE users SET name = 'ben' WHERE name LIKE '<img%'");
    await control("sql", "UPDATE reservations SET username = 'eve' WHERE username LIKE '<img%'");
    await control(
      "sql",
      "UPDATE machines SET name = 'lab-4', labels = ?, facts = ?, host_key = ?, state = 'available', fault = NULL, last_error = NULL, retry_at = NULL WHERE id = ?",
      JSON.stringify(before.labels),
      JSON.stringify(before.facts),
      before.host_key,
      before.id,
    );
  }
});
