import { pathOf } from "../address.ts";

interface Asked {
  method: string;
  url: string;
}

/** Health checks: no authentication. */
export const isHealthCheck = (asked: Asked) => /^\/(healthz|readyz)$/.test(pathOf(asked));

/** The dashboard, the login page and the API's description: pages that a link may lead to. They contain nothing about the pool. */
export const isPage = (asked: Asked) =>
  /^(GET|HEAD)$/.test(asked.method) && /^\/((ui(\/.*)?)?|login|swagger(\/.*)?)$/.test(pathOf(asked));

/** Those that need no login: what logging in takes, and what is the same for everybody. */
const needsNoLogin = (asked: Asked) =>
  isPage(asked) && /^\/($|login|ui\/(assets\/|icon\.svg$))/.test(pathOf(asked));

/** Where to log in for a page, and then go on. */
export function loginFor(asked: Asked): string {
  const path = pathOf(asked);
  if (/^\/ui\/[a-z]*$/.test(path)) return `/login?to=${path}`;
  // The browser keeps what follows the #: the operation that was open.
  return /^\/swagger\/?$/.test(path) ? "/login?to=/swagger" : "/login";
}

/** Open to everybody: health checks, and what is needed to log in. */
export const isOpen = (asked: Asked) =>
  isHealthCheck(asked) || needsNoLogin(asked) || (asked.method === "POST" && pathOf(asked) === "/session");
