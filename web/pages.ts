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

export const PAGES: Page[] = [
  { path: "/ui/", name: "pool", load: () => import("./pool/page.tsx") },
  { path: "/ui/timeline", name: "timeline", load: () => import("./timeline/page.tsx") },
  { path: "/ui/reservations", name: "reservations", load: () => import("./reservations/page.tsx") },
  { path: "/ui/series", name: "series", load: () => import("./series/page.tsx") },
  { path: "/ui/machines", name: "machines", admin: true, load: () => import("./machines/page.tsx") },
  { path: "/ui/users", name: "users", admin: true, load: () => import("./users/page.tsx") },
  { path: "/ui/events", name: "events", admin: true, load: () => import("./events/page.tsx") },
  { path: "/ui/usage", name: "usage", admin: true, load: () => import("./usage/page.tsx") },
];
