/** Lists of the admin API, page by page. */
import type { Page } from "../ports.ts";
import type { Api } from "./api.ts";

const PAGE_SIZE = 1000;

/** Items of as many pages as `limit` takes (Infinity: of all); returns whether there would be more. */
export async function* readPages<T>(
  api: Api,
  path: string,
  query: Readonly<Record<string, string | undefined>>,
  limit: number,
): AsyncGenerator<T, boolean> {
  let cursor: string | undefined;
  let left = limit;
  while (left > 0) {
    const page: Page<T> | null = await api.get<Page<T>>(path, { ...query, limit: Math.min(left, PAGE_SIZE), cursor });
    if (page === null) throw api.stranger();
    yield* page.items;
    left -= page.items.length;
    if (page.next === null) return false;
    cursor = page.next;
  }
  return true;
}
