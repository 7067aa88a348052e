export type Level = "debug" | "info" | "warn" | "error";
export type Log = (level: Level, event: string, fields?: Record<string, unknown>) => void;

const ORDER: Record<Level, number> = { debug: 0, info: 1, warn: 2, error: 3 };

/**
 * A logger of JSON lines on standard output: time (UTC), level, event, fields. Never hand it a secret.
 * @param least the lowest level to write
 */
export function logger(least: Level): Log {
  return (level, event, fields = {}) => {
    if (ORDER[level] < ORDER[least]) return;
    process.stdout.write(`${JSON.stringify({ time: new Date().toISOString(), level, event, ...fields })}\n`);
  };
}

/** What a log may say about a thrown value. Drizzle's message contains the statement and its parameters, so this uses the driver's. */
export function reasonOf(error: unknown): string {
  let deepest = error;
  while (deepest instanceof Error && deepest.cause instanceof Error) deepest = deepest.cause;
  if (deepest instanceof AggregateError) deepest = deepest.errors[0];
  if (!(deepest instanceof Error)) return String(deepest).slice(0, 300);
  return `${deepest.name}: ${deepest.message.split("\n")[0]}`.slice(0, 300);
}

/** Where in our sources it was thrown, or the syntax error is: " (routes/healthz.ts:20:11)", or "" if unknown. */
export function placeOf(error: unknown): string {
  // Several syntax errors in one file come as one error.
  const first = error instanceof AggregateError ? error.errors[0] : error;
  const { position, stack } = (first ?? {}) as {
    position?: { file: string; line: number; column: number } | null;
    stack?: string;
  };
  const here = `${import.meta.dir}/`;
  if (position?.file) return ` (${position.file.replace(here, "")}:${position.line}:${position.column})`;
  const frame = (stack ?? "")
    .split("\n")
    .find((line) => line.includes(here) && !line.includes("node_modules"));
  const place = /\(?([^\s()]+:\d+:\d+)\)?$/.exec(frame ?? "")?.[1];
  return place ? ` (${place.replace(here, "")})` : "";
}
