// Shared by the tests in the browser: watching the page, and the forms of Swagger UI.
import type { Locator, Page } from "@playwright/test";

/** The browser's console message about a response of 400 or more that a test expects. */
const REFUSED = /^Failed to load resource: the server responded with a status of 40[019]/;

/**
 * Blocks every other origin, and records what a page should not do.
 * @param expected console messages that are fine
 * @returns lists requests to other origins, errors, and violations of the page's policy
 */
export async function watch(page: Page, baseURL: string, expected = REFUSED): Promise<() => string[]> {
  const complaints: string[] = [];
  const { origin } = new URL(baseURL);
  await page.context().route("**/*", (route) => {
    const url = route.request().url();
    if (new URL(url).origin === origin) return route.continue();
    complaints.push(`elsewhere: ${url}`);
    return route.abort();
  });
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(error.message));
  // What a page was loading when it was left is aborted, and so is its stream.
  page.on("requestfailed", (request) => {
    const why = request.failure()?.errorText;
    if (why !== "net::ERR_ABORTED" && new URL(request.url()).pathname !== "/stream")
      complaints.push(`failed: ${request.url()} ${why}`);
  });
  // What the Content-Security-Policy forbids never becomes a request: the page gets this event instead.
  await page.addInitScript(() =>
    document.addEventListener("securitypolicyviolation", (event) =>
      console.error(`CSP: ${event.violatedDirective} ${event.blockedURI}`),
    ),
  );
  return () => complaints.filter((text) => !expected.test(text));
}

/** Opens one operation of Swagger UI and its form. */
export async function tryOut(page: Page, id: string): Promise<Locator> {
  const block = page.locator(`.opblock[id$="-${id}"]`);
  if (!(await block.getAttribute("class"))?.includes("is-open"))
    await block.locator(".opblock-summary").click();
  await block.getByRole("button", { name: "Try it out" }).click();
  return block;
}

/** Sends an operation's form, and reads the response that is shown. */
export async function execute(block: Locator): Promise<{ status: string | null; body: unknown }> {
  await block.getByRole("button", { name: "Execute" }).click();
  const answer = block.locator(".live-responses-table");
  const body = await answer.locator(".response-col_description .microlight").first().textContent();
  return {
    status: await answer.locator(".response-col_status").last().textContent(),
    body: JSON.parse(body ?? ""),
  };
}
