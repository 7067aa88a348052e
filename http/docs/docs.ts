import { swagger } from "@elysiajs/swagger";
import { Elysia } from "elysia";
import { file } from "../file.ts";
import { page } from "../page.ts";
import { withParts } from "../parts.ts";
import { validOpenApi } from "./openapi.ts";

const KEEP = { "Cache-Control": "private, max-age=3600" };
const ofSwaggerUi = (name: string, type: string) => () =>
  file(import.meta.resolve(`swagger-ui-dist/${name}`), type, KEEP);
const own = (name: string, type: string) => () =>
  file(import.meta.resolve(`./${name}`), `${type}; charset=utf-8`, { "Cache-Control": "no-cache" });
const hidden = { detail: { hide: true } };

/** The OpenAPI document at /swagger/json, and Swagger UI at /swagger with every asset from our own origin. */
export const docs = new Elysia({ name: "docs" })
  .use(withParts)
  .onAfterHandle(({ parts, path, responseValue }) =>
    path === "/swagger/json"
      ? validOpenApi(responseValue as Record<string, unknown>, parts().adminToken === "")
      : undefined,
  )
  .use(
    swagger({
      path: "/swagger",
      specPath: "/swagger/json",
      exclude: [/^\/swagger/],
      documentation: {
        info: {
          title: "Machine Manager",
          version: "0.1.0",
          description:
            "Share a pool of machines: reserve some for a while and get an account on each; it is removed when the time is up.",
          license: { name: "MIT", url: "https://opensource.org/license/mit" },
        },
        servers: [{ url: "/", description: "the server this document came from" }],
        tags: [
          { name: "health", description: "Health checks; no token needed" },
          { name: "pool", description: "The pool at a glance" },
          { name: "reservations", description: "Accounts on machines for a while" },
          { name: "machines", description: "The machines in the pool" },
          { name: "users", description: "API users and their tokens" },
          { name: "session", description: "Browser login and logout" },
          { name: "events", description: "The audit log: who did what, and when" },
        ],
        components: { securitySchemes: { token: { type: "http", scheme: "bearer" } } },
        security: [{}, { token: [] }],
      },
    }),
  )
  // After the plugin, at the same path: ours replaces its page, which loads its assets from a public CDN.
  .get("/swagger", page(import.meta.resolve("./page.html")), hidden)
  .get("/swagger/swagger.css", own("swagger.css", "text/css"), hidden)
  .get("/swagger/start.js", own("start.js", "text/javascript"), hidden)
  .get("/swagger/swagger-ui.css", ofSwaggerUi("swagger-ui.css", "text/css; charset=utf-8"), hidden)
  .get(
    "/swagger/swagger-ui-bundle.js",
    ofSwaggerUi("swagger-ui-bundle.js", "text/javascript; charset=utf-8"),
    hidden,
  )
  .get("/swagger/favicon-32x32.png", ofSwaggerUi("favicon-32x32.png", "image/png"), hidden);
