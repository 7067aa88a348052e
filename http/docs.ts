import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { swagger } from "@elysiajs/swagger";
import { Elysia } from "elysia";
import { validOpenApi } from "./openapi.ts";

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Machine Manager API</title>
<link rel="icon" type="image/png" href="/swagger/favicon-32x32.png">
<link rel="stylesheet" href="/swagger/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/swagger/swagger-ui-bundle.js"></script>
<script src="/swagger/start.js"></script>
</body>
</html>
`;

const START = `window.ui = SwaggerUIBundle({ url: "/swagger/json", dom_id: "#swagger-ui", deepLinking: true, validatorUrl: null });\n`;

const TYPES = {
  "swagger-ui.css": "text/css; charset=utf-8",
  "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
  "favicon-32x32.png": "image/png",
} as const;

const read = new Map<string, Uint8Array<ArrayBuffer>>();
function asset(name: keyof typeof TYPES): Response {
  let bytes = read.get(name);
  if (!bytes) {
    bytes = new Uint8Array(readFileSync(fileURLToPath(import.meta.resolve(`swagger-ui-dist/${name}`))));
    read.set(name, bytes);
  }
  return new Response(bytes, {
    headers: { "Content-Type": TYPES[name], "Cache-Control": "public, max-age=3600" },
  });
}
const page = (text: string, type: string) =>
  new Response(text, { headers: { "Content-Type": `${type}; charset=utf-8` } });

/** The description at /swagger/json, and Swagger UI at /swagger with every asset from our own origin. */
export const docs = new Elysia({ name: "docs" })
  .onAfterHandle(({ path, responseValue }) =>
    path === "/swagger/json" ? validOpenApi(responseValue as Record<string, unknown>) : undefined,
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
            "Share a pool of machines: reserve some for a time, get an account on each, see it gone when the time is up.",
        },
        components: { securitySchemes: { token: { type: "http", scheme: "bearer" } } },
        security: [{}, { token: [] }],
      },
    }),
  )
  // After the plugin, at the same address: ours wins over its page, which loads its parts from a public CDN.
  .get("/swagger", () => page(PAGE, "text/html"), { detail: { hide: true } })
  .get("/swagger/start.js", () => page(START, "text/javascript"), { detail: { hide: true } })
  .get("/swagger/swagger-ui.css", () => asset("swagger-ui.css"), { detail: { hide: true } })
  .get("/swagger/swagger-ui-bundle.js", () => asset("swagger-ui-bundle.js"), { detail: { hide: true } })
  .get("/swagger/favicon-32x32.png", () => asset("favicon-32x32.png"), { detail: { hide: true } });
