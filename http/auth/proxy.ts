import { sameSecret } from "../../pool/identity/principal.ts";

const fromProxy = new WeakSet<Request>();

/** Whether our own proxy forwarded a request: it sends a secret along. Whoever else reaches our port says what they like. */
function isFromProxy(request: Request, secret: string): boolean {
  const given = request.headers.get("x-proxy-secret");
  return secret !== "" && given !== null && sameSecret(given, secret);
}

/** What our proxy says in a header; undefined: it says nothing, or somebody else does. */
export const forwarded = (request: Request, header: string): string | undefined =>
  fromProxy.has(request) ? (request.headers.get(header) ?? undefined) : undefined;

/** What Bun knows of who is at the other end; Elysia hands it out only to who names it. */
export type Server = { requestIP(request: Request): { address: string } | null } | null;

const addresses = new WeakMap<Request, string>();

/**
 * Takes note of where a request comes from: asked while it runs, since Bun forgets it afterwards.
 * @param secret what our proxy sends along; "": nobody is believed
 */
export function noteOrigin(request: Request, server: Server | undefined, secret: string): void {
  if (isFromProxy(request, secret)) fromProxy.add(request);
  const address = forwarded(request, "x-forwarded-for") ?? server?.requestIP(request)?.address ?? "";
  addresses.set(request, address.slice(0, 64));
}

/** Where a request comes from; "" when nobody tells. */
export const addressOf = (request: Request): string => addresses.get(request) ?? "";
