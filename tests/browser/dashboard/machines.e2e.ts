// The page Machines: what an admin does with them, from registering to removing.
import type { Page } from "@playwright/test";
import { accessible, another, api, control, expect, logIn, test } from "./fixture.ts";

// Refusals that a test asks for, and machines that do not answer.
test.use({ expected: /^Failed to load resource: the server responded with a status of 40[01349]/ });

const row = (page: Page, name: string) =>
  page.getByRole("listitem").filter({ has: page.getByText(name, { exact: true }) });
const open = async (page: Page) => {
  await logIn(page, "dora");
  await page.goto("/ui/machines");
  await expect(page.getByText("Live", { exact: true })).toBeVisible();
};
const lineOf = async (name: string, more = "") => {
  const { host, port, user, password } = await control("machine", name);
  return `${name} ${host} ${port} ${user} ${password}${more}`;
};
const fingerprintOf = async (name: string) =>
  (await control("exec", name, "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key")).stdout.split(" ")[1];
/** Has the scheduler try it now. */
const probe = (name: string) =>
  control("sql", "UPDATE machines SET probed_at = probed_at - INTERVAL 1 HOUR WHERE name = ?", name);
/** What is offered, by another API than the page's: that one may learn of a change a moment later. */
const offered = () => expect.poll(async () => (await api("GET", "/available")).body.available);
/** From now on, only "Try now" tries it. */
const leave = (name: string) =>
  control("sql", "UPDATE machines SET retry_at = UTC_TIMESTAMP(3) + INTERVAL 1 HOUR WHERE name = ?", name);

test("register: the host key is confirmed before the login is sent; then it is offered", async ({ page }) => {
  const { host, port, password } = await control("machine", "lab-4");
  await api("DELETE", "/machines/lab-4");
  await open(page);
  const form = page.getByRole("form", { name: "Register a machine" });
  await form.getByLabel("Name").fill("lab 4");
  await form.getByLabel("Host").fill(host);
  await form.getByLabel("SSH port").fill(`${port}`);
  await form.getByRole("textbox", { name: "Password" }).fill(password);
  await form.getByLabel("Labels").fill("gpu, rack=8");
  await form.getByRole("button", { name: "Connect" }).click();
  // The API's words, beside the field that caused them; nothing typed is lost.
  await expect(form.getByLabel("Name")).toHaveAccessibleDescription(/1 to 63 of A-Z/);
  await expect(form.getByLabel("Name")).toBeFocused();
  await expect(form.getByRole("textbox", { name: "Password" })).toHaveValue(password);
  await form.getByLabel("Name").fill("lab-3");
  await form.getByRole("button", { name: "Connect" }).click();
  await expect(form.getByLabel("Name")).toHaveAccessibleDescription(/'lab-3' already exists/);
  await form.getByLabel("Name").fill("lab-4");
  await page.keyboard.press("Enter");
  await expect(form).toContainText(await fingerprintOf("lab-4"));
  await expect(form.getByRole("listitem").filter({ hasText: "Confirm" })).toHaveAttribute(
    "aria-current",
    "step",
  );
  expect((await api("GET", "/machines/lab-4")).status).toBe(404);
  await accessible(page);
  const sent = page.waitForRequest((one) => one.method() === "POST" && one.url().endsWith("/machines"));
  await form.getByRole("button", { name: "Yes, register it" }).click();
  // The key that was confirmed: another machine that answers by now gets no login.
  const { stdout } = await control("exec", "lab-4", "ssh-keygen -y -f /etc/ssh/ssh_host_ed25519_key");
  expect(stdout).toContain((await sent).postDataJSON().host_key);
  await expect(form).toContainText("lab-4 is clean and offered.");
  await expect(row(page, "lab-4")).toContainText("Free");
  await expect(row(page, "lab-4")).toContainText("rack=8");
  const { body } = await api("GET", "/machines/lab-4");
  expect([body.state, body.host_key_fingerprint]).toEqual(["available", await fingerprintOf("lab-4")]);
  await form.getByRole("button", { name: "Register another" }).click();
  await expect(form.getByRole("textbox", { name: "Password" })).toHaveValue("");
});

test("one whose server was killed is quarantined; after it is back, Try now offers it", async ({ page }) => {
  await open(page);
  await control("stop machine", "lab-2");
  await probe("lab-2");
  const ill = row(page, "lab-2");
  await expect(ill).toContainText("It does not answer");
  await expect(ill).toContainText("Start the machine and its SSH server");
  await accessible(page);
  await leave("lab-2");
  await ill.getByRole("button", { name: "Try now" }).click();
  await expect(page.getByRole("status").filter({ hasText: "stays in quarantine" })).toBeVisible();
  await control("restart machine", "lab-2");
  await leave("lab-2");
  await ill.getByRole("button", { name: "Try now" }).click();
  await expect(ill).toContainText("Free");
  await offered().toContain("lab-2");
});

test("a changed host key is shown beside the known one, and accepted", async ({ page }) => {
  const before = await fingerprintOf("lab-1");
  const folder = "cd /etc/ssh && ";
  await control(
    "exec",
    "lab-1",
    `${folder}mkdir old && mv ssh_host_* old && ssh-keygen -q -t ed25519 -N '' -f ssh_host_ed25519_key`,
  );
  const after = await fingerprintOf("lab-1");
  await open(page);
  await probe("lab-1");
  const ill = row(page, "lab-1");
  await expect(ill).toContainText("Its host key has changed");
  await ill.getByRole("button", { name: "Compare host keys" }).focus();
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog");
  await expect(dialog).toContainText(before);
  await expect(dialog).toContainText(after);
  await accessible(page);
  await page.keyboard.press("Escape");
  await expect(ill.getByRole("button", { name: "Compare host keys" })).toBeFocused();
  await page.keyboard.press("Enter");
  await dialog.getByRole("button", { name: "Accept the new key" }).click();
  await expect(ill).toContainText("Free");
  expect((await api("GET", "/machines/lab-1")).body.host_key_fingerprint).toBe(after);

  await control("exec", "lab-1", `${folder}rm ssh_host_* && mv old/* . && rmdir old`);
  const { body } = await api("PATCH", "/machines/lab-1?dry_run=true", { retry: true });
  expect((await api("PATCH", "/machines/lab-1", { host_key: body.host_key })).body.state).toBe("available");
});

test("a file of three lines, one bad: a result for each, and what failed is kept for another try", async ({
  page,
}) => {
  const lines = [await lineOf("lab-3", " gpu=,zone=b"), await lineOf("lab-4")];
  const { password } = await control("machine", "lab-3");
  for (const name of ["lab-3", "lab-4"]) await api("DELETE", `/machines/${name}`);
  await api("PATCH", "/machines/lab-2", { drained: true });
  await open(page);
  const file = (...all: string[]) => ({
    name: "machines.txt",
    mimeType: "text/plain",
    buffer: Buffer.from(`# the lab\n\n${all.join("\n")}\n`),
  });
  const place = page.getByRole("region", { name: "Import machines" });
  const field = place.getByLabel("Drop the file here, or choose it");
  // The same address as lab-2's, under another name.
  const twin = (await lineOf("lab-2")).replace("lab-2", "twin");
  await field.setInputFiles(file(...lines, twin));
  await expect(place).toContainText("2 registered, 0 already there, 1 failed");
  await expect(place).toContainText("already in the pool as 'lab-2'");
  await expect(row(page, "lab-3").last()).toContainText("zone=b");
  await accessible(page);
  expect(await page.content()).not.toContain(password);
  const { host_key_fingerprint: print } = (await api("GET", "/machines/lab-3")).body;
  await expect(place).toContainText(print);

  await place.getByRole("button", { name: "Try the failed ones again" }).click();
  await expect(place).toContainText("2 registered, 0 already there, 1 failed");
  await field.setInputFiles(file(...lines, "too short", "bad 127.0.0.1 none root x"));
  await expect(place).toContainText("0 registered, 2 already there, 2 failed");
  await expect(place).toContainText("has 2 words");
  await expect(place).toContainText("1 to 65535");
  await api("PATCH", "/machines/lab-2", { drained: false });
});

test("labels are edited; a drained machine isn't offered until it is undrained", async ({ page }) => {
  await open(page);
  const it = row(page, "lab-1");
  await it.getByRole("button", { name: "Details of lab-1" }).click();
  await expect(it).toContainText("os=debian");
  await it.getByRole("button", { name: "Edit labels" }).click();
  const labels = page.getByRole("dialog").getByLabel("Labels");
  await labels.fill("fact.os=mine");
  await page.getByRole("button", { name: "Save labels" }).click();
  await expect(labels).toHaveAccessibleDescription(/can't begin with fact\./);
  await labels.fill("gpu\nrack=9");
  await page.getByRole("button", { name: "Save labels" }).click();
  await expect(it).toContainText("rack=9");
  expect((await api("GET", "/machines/lab-1")).body.labels).toEqual({ gpu: "", rack: "9" });
  await page.getByLabel("Match labels").fill("rack == 9");
  await expect(page.getByText("1 of 4 machines")).toBeVisible();

  await it.getByRole("button", { name: "Drain" }).dblclick();
  await expect(it.getByRole("button", { name: "Offer again" })).toBeVisible();
  await offered().not.toContain("lab-1");
  await accessible(page);
  await it.getByRole("button", { name: "Offer again" }).click();
  await expect(it).toContainText("Free");
  await api("PATCH", "/machines/lab-1", { labels: {} });
});

test("removing one that is held says who is on it, and takes force", async ({ page }) => {
  const held = await api("POST", "/reservations", { username: "carl", machines: ["lab-3"] });
  expect(held.status).toBe(201);
  await open(page);
  await row(page, "lab-3").getByRole("button", { name: "Details of lab-3" }).click();
  await row(page, "lab-3").getByRole("button", { name: "Remove lab-3" }).click();
  const dialog = page.getByRole("dialog");
  await expect(dialog).toContainText("carl is on it.");
  await expect(dialog).toContainText("first removes the account carl");
  await accessible(page);
  await dialog.getByRole("button", { name: "Remove by force" }).click();
  await expect(page.getByText("lab-3 was removed, and is clean.")).toBeVisible();
  await expect(row(page, "lab-3")).toHaveCount(0);
  expect((await control("exec", "lab-3", "id carl")).code).not.toBe(0);
  const { host, port, password } = await control("machine", "lab-3");
  expect((await api("POST", "/machines", { name: "lab-3", host, port, password })).status).toBe(201);
});

test("who isn't an admin sees no link, and the requests behind the page answer 403", async ({ browser }) => {
  for (const name of ["ann", "vic"]) {
    const page = await another(browser, name);
    await page.goto("/ui/machines");
    await expect(page.getByText("Only admins manage machines.")).toBeVisible();
    await expect(page.getByRole("link", { name: "Machines" })).toHaveCount(0);
    await accessible(page);
    const { csrf } = await (await page.request.get("/session")).json();
    const headers = { "X-CSRF-Token": csrf };
    const body = { name: "x", host: "127.0.0.1", port: 1, password: "x" };
    for (const [method, path, data] of [
      ["POST", "/machines", body],
      ["POST", "/machines?dry_run=true", body],
      ["PATCH", "/machines/lab-1", { drained: true }],
      ["PATCH", "/machines/lab-1?dry_run=true", { retry: true }],
      ["DELETE", "/machines/lab-1?force=true", undefined],
      ["GET", "/ssh-key", undefined],
    ] as const) {
      const answer = await page.request.fetch(path, { method, headers, ...(data ? { data } : {}) });
      expect([name, method, path, answer.status()]).toEqual([name, method, path, 403]);
    }
    await page.context().close();
  }
});

test("markup and bidi characters are text, wherever they come from", async ({ page }) => {
  const evil = '<img src=x onerror="document.title=1">\u202eevil';
  await control(
    "sql",
    `UPDATE machines SET state = 'quarantined', fault = 'failed', last_error = ?, labels = JSON_OBJECT(?, ?),
       facts = JSON_OBJECT('os', ?), host_key = ?, retry_at = UTC_TIMESTAMP(3) + INTERVAL 1 HOUR, name = ? WHERE name = 'lab-4'`,
    evil,
    evil,
    evil,
    evil,
    `ssh-ed25519 ${evil}`,
    `${evil}4`,
  );
  await open(page);
  const it = page.getByRole("listitem").filter({ hasText: `${evil}4` });
  await it.getByRole("button", { name: "Details" }).click();
  await it.getByRole("button", { name: "Remove" }).click();
  await expect(page.getByRole("dialog")).toContainText(evil);
  await page.keyboard.press("Escape");
  expect(await page.locator("img").count()).toBe(0);
  expect(await page.title()).toContain("Machines");
  for (const place of await it.getByText("\u202eevil").all())
    expect(await place.evaluate((one) => one.closest("bdi, button") !== null)).toBe(true);
  await accessible(page);
  await control(
    "sql",
    "UPDATE machines SET name = 'lab-4', labels = '{}', facts = '{}', host_key = NULL WHERE name = ?",
    `${evil}4`,
  );
  expect((await api("PATCH", "/machines/lab-4", { retry: true })).body.state).toBe("available");
});

test("ten thousand machines don't hang the page", async ({ page }) => {
  await control(
    "sql",
    `INSERT INTO machines (id, name, host, address, port, login_user, secret_kind, secret, labels, state, since, generation,
       fault, last_error, retry_at, last_used_at, probed_at, swept_at, sweep_at, created_at)
     SELECT UUID(), CONCAT('many-', seq), '127.0.0.1', CONCAT('many-', seq), 1, 'root', 'pool_key', '', '{}', 'quarantined', UTC_TIMESTAMP(3), 1,
       'unreachable', 'x', UTC_TIMESTAMP(3) + INTERVAL 1 DAY, UTC_TIMESTAMP(3), UTC_TIMESTAMP(3), UTC_TIMESTAMP(3), UTC_TIMESTAMP(3) + INTERVAL 1 DAY, UTC_TIMESTAMP(3)
     FROM seq_1_to_10000`,
  );
  await open(page);
  await expect(page.getByText("10004 machines")).toBeVisible();
  await expect(page.getByRole("button", { name: "Show 100 more" })).toBeVisible();
  const took: number[] = [];
  for (const name of ["many-9876", "many-5432", "many-7777"]) {
    const from = performance.now();
    await page.getByLabel("Name contains").fill(name);
    await expect(page.getByText("1 of 10004 machines")).toBeVisible();
    await expect(row(page, name)).toBeVisible();
    took.push(performance.now() - from);
  }
  // The machine may be busy with something else in between.
  expect(Math.min(...took)).toBeLessThan(1000);
  await control("sql", "DELETE FROM machines WHERE name LIKE 'many-%'");
});
