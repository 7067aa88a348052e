import { createHash, timingSafeEqual } from "node:crypto";
import { Elysia } from "elysia";
import { config } from "../config.ts";
import { HttpProblem } from "./errors.ts";

/** Answered without a token: signs of life, and the description of the API, which holds nothing of the pool. */
export const isOpen = (path: string) => /^\/(healthz|readyz|swagger(\/.*)?)$/.test(path);

const digest = (text: string) => createHash("sha256").update(text).digest();

/** With ADMIN_TOKEN set, everything but the open paths asks for `Authorization: Bearer TOKEN`. */
export const withToken = new Elysia({ name: "token" }).onRequest(({ request }) => {
  const { adminToken } = config();
  if (!adminToken || isOpen(new URL(request.url).pathname)) return;
  const given = /^Bearer (.+)$/.exec(request.headers.get("authorization") ?? "")?.[1] ?? "";
  // Digests have one length, so that the comparison's time says nothing.
  if (!timingSafeEqual(digest(given), digest(adminToken)))
    throw new HttpProblem(401, "unauthorized", "Send the admin token: Authorization: Bearer TOKEN");
});
