import { pathOf } from "../address.ts";

interface Asked {
  method: string;
  url: string;
}

/** Health checks: no authentication. */
export const isHealthCheck = (asked: Asked) => /^\/(healthz|readyz)$/.test(pathOf(asked));

/** The login page and the API's description: pages that a link may lead to. They contain nothing about the pool. */
export const isPage = (asked: Asked) =>
  /^(GET|HEAD)$/.test(asked.method) && /^\/(login(\.js|\.css)?|swagger(\/.*)?)$/.test(pathOf(asked));

/** Open to everybody: health checks, and what is needed to log in. */
export const isOpen = (asked: Asked) =>
  isHealthCheck(asked) ||
  (isPage(asked) && pathOf(asked).startsWith("/login")) ||
  (asked.method === "POST" && pathOf(asked) === "/session");
