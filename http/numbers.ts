import { FormatRegistry } from "@sinclair/typebox";

/**
 * A whole number in an address, or in quotes in a body, is digits. Elysia takes for one whatever JavaScript makes a
 * whole number of: 0x1, 1e2, +1, a blank before it.
 */
FormatRegistry.Set("integer", (text) => /^-?\d{1,16}$/.test(text));
