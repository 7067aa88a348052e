import { t } from "elysia";
import { Place } from "./place.ts";

/** The path parameter of one reservation's routes. */
export const reservationId = t.Object({
  id: t.String({ maxLength: 64, description: "a reservation's id" }),
});

const fields = {
  message: t.String(),
  id: t.String(),
  released: t.Array(t.String(), { description: "machines that are clean and available again" }),
  pending: t.Array(t.String(), {
    description: "machines that are still being cleaned, or are retried until they are clean",
  }),
};

/** The response to releasing a reservation. */
export const Released = t.Object(fields);

/** The response to releasing some of its machines. */
export const Reduced = t.Object({
  ...fields,
  machines: t.Array(Place, {
    description: "the machines that it still has; none: it is over, or waits for one that replaces its last",
  }),
});
