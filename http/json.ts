/** A JSON response; `pretty` indents it and ends it with a newline. */
export function json(value: unknown, pretty: boolean, init: ResponseInit = {}): Response {
  const headers = new Headers(init.headers);
  headers.set("Content-Type", "application/json; charset=utf-8");
  return new Response(pretty ? `${JSON.stringify(value, null, 2)}\n` : JSON.stringify(value), {
    ...init,
    headers,
  });
}
