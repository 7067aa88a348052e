// Goes from page to page without loading everything again, so that a password that was shown once stays where it was.
import { signal } from "@preact/signals";
import { PAGES } from "./pages.ts";

export const path = signal(location.pathname);

const known = (place: string) => PAGES.some((page) => page.path === place);

/** Follows links to our own pages, unless the click asks for something else, such as a new tab. */
function onClick(event: MouseEvent): void {
  const link = event.target instanceof Element ? event.target.closest("a") : null;
  const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
  if (!link || !plain || link.target || link.origin !== location.origin || !known(link.pathname)) return;
  event.preventDefault();
  if (link.href === location.href) return;
  history.pushState(null, "", link.href);
  path.value = location.pathname;
  scrollTo(0, 0);
  document.querySelector("main")?.focus();
}

export function route(): void {
  document.addEventListener("click", onClick);
  addEventListener("popstate", () => {
    path.value = location.pathname;
  });
}
