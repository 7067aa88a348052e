import { pathOf } from "../address.ts";

interface Asked {
  method: string;
  url: string;
}

/** Signs of life: of those who ask, nothing is asked. */
export const isSign = (asked: Asked) => /^\/(healthz|readyz)$/.test(pathOf(asked));

/** The page to log in at, and the API's description: what a link leads to. They hold nothing of the pool. */
export const isPage = (asked: Asked) =>
  /^(GET|HEAD)$/.test(asked.method) && /^\/(login(\.js|\.css)?|swagger(\/.*)?)$/.test(pathOf(asked));

/** Answered to everybody, whoever they are: signs of life, and what one needs to log in. */
export const isOpen = (asked: Asked) =>
  isSign(asked) ||
  (isPage(asked) && pathOf(asked).startsWith("/login")) ||
  (asked.method === "POST" && pathOf(asked) === "/session");
