// Calls a route, or the whole app, in process: no port, no other process, with the test's own dependencies.
import { type AnyElysia, Elysia } from "elysia";
import type { Deps } from "../../deps.ts";
import { textOf } from "./program.ts";

export interface Answer {
  status: number;
  headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: answers of every shape; tests assert on them
  body: any;
}

/**
 * @param served a file's route or the app. Outer decorations override what the program builds itself
 * @returns sends requests; a body that is not a string is sent as JSON
 */
export function inProcess(served: AnyElysia, deps: Deps) {
  // Not normalized, as in the program: unknown fields are refused rather than dropped.
  const app = new Elysia({ normalize: false }).decorate("parts", () => deps).use(served);
  return async (
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer> => {
    const sent = typeof body === "string" ? body : JSON.stringify(body);
    const type: Record<string, string> = body === undefined ? {} : { "Content-Type": "application/json" };
    // The full URL, and no shorter host: Elysia searches for the path from the 12th character.
    const request = new Request(`http://localhost${path}`, {
      method,
      headers: { ...type, ...headers },
      ...(body === undefined ? {} : { body: sent }),
    });
    const answer = await app.handle(request);
    const text = await textOf(answer);
    const isJson = /^application\/(problem\+)?json\b/.test(answer.headers.get("content-type") ?? "");
    return {
      status: answer.status,
      headers: answer.headers,
      body: text === "" ? undefined : isJson ? JSON.parse(text) : text,
    };
  };
}
