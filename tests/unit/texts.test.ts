// What the dashboard has words for is what there is: its pages import nothing of the server.
import { expect, test } from "bun:test";
import { ACTIONS } from "../../pool/audit/catalogue.ts";
import { en } from "../../web/text/en.ts";
import { fr } from "../../web/text/fr.ts";

test("each kind of event has words in each language, and can be chosen", () => {
  for (const { events } of [en, fr]) expect(Object.keys(events.actions)).toEqual(Object.keys(ACTIONS));
});
