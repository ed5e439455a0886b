/** What is shown, as it stands behind the `#` of the address: it can be kept, sent and gone back to. Pure. */
export const PAGES = [
  "overview",
  "route",
  "causes",
  "cause",
  "live",
  "repairs",
  "process",
  "unseen",
  "audit",
  "lost",
] as const;
export type PageName = (typeof PAGES)[number];

export interface Place {
  /** lost: there is no such page. */
  readonly page: PageName;
  /** A route's name or a cause's id; "" on pages that have none. */
  readonly id: string;
  /** What lists are narrowed down to; values that are empty are left out. */
  readonly query: Readonly<Record<string, string>>;
}

/** First segment → the page without an id, and the one with it. */
const SEGMENTS: Readonly<Record<string, readonly [alone: PageName, withId: PageName]>> = {
  "": ["overview", "lost"],
  routes: ["overview", "route"],
  causes: ["causes", "cause"],
  live: ["live", "lost"],
  repairs: ["repairs", "lost"],
  process: ["process", "lost"],
  unseen: ["unseen", "lost"],
  audit: ["audit", "lost"],
};

/** `hash` with its `#`, or empty. */
export function readPlace(hash: string): Place {
  const [path = "", search = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  const [first = "", ...rest] = path.split("/");
  const id = decode(rest.join("/"));
  // Of its own: an address may say `constructor`.
  const [alone, withId] = (Object.hasOwn(SEGMENTS, first) && SEGMENTS[first]) || ["lost", "lost"];
  const query: Record<string, string> = {};
  for (const [name, value] of new URLSearchParams(search)) if (value !== "") query[name] = value;
  if (id === null) return { page: "lost", id: "", query };
  return { page: id === "" ? alone : withId, id, query };
}

/** With its `#`, for links. */
export function spellPlace(page: PageName, id = "", query: Readonly<Record<string, string>> = {}): string {
  const found = Object.entries(SEGMENTS).find(([, [alone, withId]]) => page === (id === "" ? alone : withId));
  const path = found === undefined ? "" : id === "" ? found[0] : `${found[0]}/${encodeURIComponent(id)}`;
  const given = Object.entries(query).filter(([, value]) => value !== "");
  const search = given.length === 0 ? "" : `?${new URLSearchParams(given).toString()}`;
  return `#/${path}${search}`;
}

function decode(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}
