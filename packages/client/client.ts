import { type Treaty, treaty } from "@elysiajs/eden/treaty2";
import type { App } from "../../app.ts";

/** The API, by the names of its addresses: `client.reservations({ id }).extend.post({ minutes: 30 })`. */
export type Client = Treaty.Create<App>;

export interface ClientOptions {
  /** sent with every request, such as a token or X-CSRF-Token; asked for each time, since they may change */
  headers?: () => Record<string, string>;
  /** instead of the global one */
  fetch?: typeof fetch;
}

/**
 * A typed client of the API, from its routes. Instants stay text, as they are sent.
 * @param address of the server, such as https://localhost
 */
export function clientOf(address: string, { headers, fetch }: ClientOptions = {}): Client {
  return treaty<App>(address, {
    parseDate: false,
    ...(headers ? { headers: () => headers() } : {}),
    ...(fetch ? { fetcher: fetch } : {}),
  });
}
