import { setImmediate as nextTurn } from "node:timers/promises";
import type { Page } from "../ports.ts";

const ITEMS_A_TURN = 50;

/** A page of a thousand records is some megabytes: it is written a few at a time, so that requests pass in between. */
export async function toJson(body: unknown): Promise<string> {
  if (!isPage(body) || body.items.length <= ITEMS_A_TURN) return JSON.stringify(body);
  const slices: string[] = [];
  for (let i = 0; i < body.items.length; i += ITEMS_A_TURN) {
    slices.push(JSON.stringify(body.items.slice(i, i + ITEMS_A_TURN)).slice(1, -1));
    await nextTurn();
  }
  return `{"items":[${slices.join(",")}],"next":${JSON.stringify(body.next)}}`;
}

function isPage(body: unknown): body is Page<unknown> {
  return typeof body === "object" && body !== null && "items" in body && Array.isArray(body.items) && "next" in body;
}
