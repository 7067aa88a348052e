import { t } from "elysia";

/** A moment in UTC, as RFC 3339 writes it. */
export const time = (description: string) => t.String({ format: "date-time", description });
