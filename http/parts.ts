import { Elysia } from "elysia";
import { deps } from "../deps.ts";

/**
 * What hooks and routes work with: `parts()`. It is built by the first request, so that importing a route reads no
 * settings. A test decorates its own before it uses a route: the outer value wins.
 */
export const withParts = new Elysia({ name: "parts" }).decorate("parts", deps);
