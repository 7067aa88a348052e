import { config } from "../config.ts";
import { sameSecret } from "../pool/identity.ts";

const known = new WeakMap<Request, boolean>();

/** Whether our own proxy forwarded a request: it sends a secret along. Whoever else reaches our port says what they like. */
function isFromProxy(request: Request): boolean {
  const before = known.get(request);
  if (before !== undefined) return before;
  const { proxySecret } = config();
  const given = request.headers.get("x-proxy-secret");
  const is = proxySecret !== "" && given !== null && sameSecret(given, proxySecret);
  known.set(request, is);
  return is;
}

/** What our proxy says in a header; undefined: it says nothing, or somebody else does. */
export const forwarded = (request: Request, header: string): string | undefined =>
  isFromProxy(request) ? (request.headers.get(header) ?? undefined) : undefined;

/** What Bun knows of who is at the other end; Elysia hands it out only to who names it. */
export type Server = { requestIP(request: Request): { address: string } | null } | null;

const addresses = new WeakMap<Request, string>();

/** Where a request comes from; "" when nobody tells. Asked first while it runs: afterwards Bun has forgotten it. */
export function addressOf(request: Request, server: Server | undefined): string {
  const before = addresses.get(request);
  if (before !== undefined) return before;
  const address = forwarded(request, "x-forwarded-for") ?? server?.requestIP(request)?.address ?? "";
  addresses.set(request, address.slice(0, 64));
  return address.slice(0, 64);
}
