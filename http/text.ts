/** The headers of a text for a program, such as a configuration. */
export const TEXT = { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store" };
