/** A JSON response, or another media type if `init` names one; `pretty` indents it and adds a newline. */
export function json(value: unknown, pretty: boolean, init: ResponseInit = {}): Response {
  const headers = new Headers(init.headers);
  if (!headers.has("content-type")) headers.set("Content-Type", "application/json; charset=utf-8");
  return new Response(pretty ? `${JSON.stringify(value, null, 2)}\n` : JSON.stringify(value), {
    ...init,
    headers,
  });
}
