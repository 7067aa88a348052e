// The pages of the dashboard, in the order of their links. One that is not built yet has no line here, and no link.
import type { ComponentType } from "preact";
import type { Texts } from "./text/en.ts";

export interface Page {
  /** begins with /ui/; one word of a-z follows, or nothing */
  path: string;
  name: keyof Texts["pages"];
  /** only admins see its link; the API itself refuses others */
  admin?: boolean;
  load: () => Promise<{ default: ComponentType }>;
}

export const PAGES: Page[] = [{ path: "/ui/", name: "pool", load: () => import("./pool/page.tsx") }];
