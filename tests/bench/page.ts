// How soon the dashboard's first page is there, and what comes over the wire for it, through nginx with TLS, in Chromium with
// a CPU slowed down: by Chromium's own trace. Beside it, Swagger UI. The database is real; no machine is asked for anything.
// By hand: bun tests/bench/page.ts [MACHINES] [SLOWER] [ROUNDS]
import { type Browser, type CDPSession, chromium } from "@playwright/test";
import { build } from "../../web/build.ts";
import { call, newSettings, startProgram } from "../support/program.ts";
import { startProxy } from "../support/proxy.ts";
import { median, milliseconds, whatMachine } from "./measure.ts";

const [machines = 20, slower = 4, rounds = 5] = process.argv.slice(2).map(Number);
const CHROMIUM = "/usr/bin/chromium";

interface TraceEvent {
  name: string;
  ts: number;
  args: { data?: { documentLoaderURL?: string; navigationId?: string } };
}

/** In bytes, of everything that a page has loaded, headers included. */
async function wire(session: CDPSession): Promise<() => number> {
  let bytes = 0;
  session.on("Network.loadingFinished", ({ encodedDataLength }) => {
    bytes += encodedDataLength;
  });
  await session.send("Network.enable");
  return () => bytes;
}

/** Opens a page as for the first time. @param drawn what it shows when it is of use */
async function look(browser: Browser, url: string, drawn: string) {
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  const page = await context.newPage();
  const session = await context.newCDPSession(page);
  await session.send("Emulation.setCPUThrottlingRate", { rate: slower });
  const bytes = await wire(session);
  await browser.startTracing(page, { categories: ["blink.user_timing", "loading"] });
  await page.addInitScript((selector) => {
    const look = () => {
      if (!document.querySelector(selector)) return requestAnimationFrame(look);
      // After the frame that shows it.
      requestAnimationFrame(() => setTimeout(() => performance.mark("of use")));
    };
    requestAnimationFrame(look);
  }, drawn);
  await page.goto(url);
  await page.waitForFunction(() => performance.getEntriesByName("of use").length > 0);
  const { traceEvents } = JSON.parse((await browser.stopTracing()).toString()) as {
    traceEvents: TraceEvent[];
  };
  await context.close();
  const began = traceEvents.find(
    ({ name, args }) => name === "navigationStart" && args.data?.documentLoaderURL === url,
  );
  const its = traceEvents.filter(({ args }) => args.data?.navigationId === began?.args.data?.navigationId);
  const after = (what: string) =>
    ((its.find(({ name }) => name === what)?.ts ?? Number.NaN) - (began?.ts ?? Number.NaN)) / 1000;
  return { first: after("firstContentfulPaint"), ofUse: after("of use"), bytes: bytes() };
}

await build();
const api = await startProgram(await newSettings());
const proxy = await startProxy(new URL(api.url).host);
const browser = await chromium.launch({
  executablePath: CHROMIUM,
  args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
});
try {
  for (let n = 1; n <= machines; n++) {
    const machine = { name: `bench-${n}`, host: "127.0.0.1", port: 10_000 + n, password: "x" };
    const { status, body } = await call(api, "POST", "/machines?check=false", machine);
    if (status !== 201) throw new Error(JSON.stringify(body));
  }
  const site = `https://127.0.0.1:${proxy.https}`;
  const [own, swagger]: Awaited<ReturnType<typeof look>>[][] = [[], []];
  for (let round = 0; round <= rounds; round++) {
    const seen = [
      await look(browser, `${site}/ui/`, ".tile"),
      await look(browser, `${site}/swagger`, ".opblock"),
    ] as const;
    if (round === 0) continue; // what only the first one pays
    own?.push(seen[0]);
    swagger?.push(seen[1]);
  }
  const of = (all: typeof own, what: "first" | "ofUse" | "bytes") =>
    median((all ?? []).map((one) => one[what]));
  console.log(`the page Pool with ${machines} machines, CPU ${slower} times slower; ${whatMachine()}`);
  console.log(
    `over the wire: ${(of(own, "bytes") / 1000).toFixed(1)} kB (Swagger UI: ${(of(swagger, "bytes") / 1000).toFixed(0)} kB)`,
  );
  console.log(
    `first paint ${milliseconds(of(own, "first"))}, machines drawn ${milliseconds(of(own, "ofUse"))}: ${(of(own, "ofUse") / of(swagger, "ofUse")).toFixed(2)} of Swagger UI's ${milliseconds(of(swagger, "ofUse"))}`,
  );
} finally {
  await browser.close();
  await proxy.stop();
  await api.stop("SIGKILL");
}
process.exit(0);
