/** A place in a list: where a page begins. */
export interface Place {
  cursor?: string;
}

/** All pages of a list, in order. @throws Refusal */
export async function readAll<Page extends { next?: string }>(
  read: (place: Place) => Promise<Page>,
): Promise<Page[]> {
  const pages: Page[] = [];
  for (let place: Place = {}; ; ) {
    const page = await read(place);
    pages.push(page);
    if (page.next === undefined) return pages;
    place = { cursor: page.next };
  }
}
