import { Elysia } from "elysia";
import { deps } from "../deps.ts";

/**
 * What a request works with, in every hook and route: `parts()`. Built when the first one comes, so that importing a
 * route reads no settings. A test decorates its own before it uses a route: the outer value wins.
 */
export const withParts = new Elysia({ name: "parts" }).decorate("parts", deps);
