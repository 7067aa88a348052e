/**
 * Where to go after logging in: one of our own pages, wherever the link came from.
 * @param query what the log-in page was opened with; `to` is where somebody wanted to go
 * @param hash of its address: in Swagger UI, the operation that was open
 */
export function nextOf(query: string, hash: string): string {
  const to = new URLSearchParams(query).get("to") ?? "";
  if (/^\/ui\/[a-z]*$/.test(to)) return to;
  return to === "/swagger" || hash ? `/swagger${hash}` : "/ui/";
}
