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

/** The most that the API returns at once. */
const MOST_AT_ONCE = 1000;

interface Part<Item> {
  items: Item[];
  next?: string | undefined;
}

/** The first of a list, by as many pages as they need. @param most how many, at most @throws Refusal */
export async function readFirst<Item>(
  most: number,
  read: (place: Place & { limit: number }) => Promise<Part<Item>>,
): Promise<{ found: Item[]; isAll: boolean }> {
  const found: Item[] = [];
  for (let place: Place = {}; ; ) {
    const { items, next } = await read({ ...place, limit: Math.min(most - found.length, MOST_AT_ONCE) });
    found.push(...items);
    if (next === undefined || found.length >= most) return { found, isAll: next === undefined };
    place = { cursor: next };
  }
}
