import { sameSecret } from "../../pool/identity/principal.ts";

const fromProxy = new WeakSet<Request>();

/**
 * Whether our own proxy forwarded a request: it sends a secret along. Anyone else who reaches our port can claim
 * anything.
 */
function isFromProxy(request: Request, secret: string): boolean {
  const given = request.headers.get("x-proxy-secret");
  return secret !== "" && given !== null && sameSecret(given, secret);
}

/** A header set by our proxy; undefined if it is missing or the request did not come through our proxy. */
export const forwarded = (request: Request, header: string): string | undefined =>
  fromProxy.has(request) ? (request.headers.get(header) ?? undefined) : undefined;

/** What Bun knows about the peer; Elysia passes it only to hooks that name it. */
export type Server = { requestIP(request: Request): { address: string } | null } | null;

const addresses = new WeakMap<Request, string>();

/**
 * Notes where a request comes from while it is running, since Bun forgets that afterwards.
 * @param secret what our proxy sends along; "": no proxy is trusted
 */
export function noteOrigin(request: Request, server: Server | undefined, secret: string): void {
  if (isFromProxy(request, secret)) fromProxy.add(request);
  const address = forwarded(request, "x-forwarded-for") ?? server?.requestIP(request)?.address ?? "";
  addresses.set(request, address.slice(0, 64));
}

/** Where a request comes from; "" if unknown. */
export const addressOf = (request: Request): string => addresses.get(request) ?? "";
