import { FormatRegistry } from "@sinclair/typebox";

/**
 * A whole number in a URL, or quoted in a body, consists of digits. Elysia accepts whatever JavaScript converts to one:
 * 0x1, 1e2, +1, leading blanks.
 */
FormatRegistry.Set("integer", (text) => /^-?\d{1,16}$/.test(text));
