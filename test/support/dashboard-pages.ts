/** Every page of the dashboard, and how one knows that it is all there. */
import type { Page } from "playwright-core";
import type { DivergenceRecord, ListedGroup } from "../../proxy/evidence.ts";
import type { Bench } from "./crossfade.ts";

export interface ShownPage {
  readonly name: string;
  /** From the `#` on. */
  readonly address: string;
  readonly ready: (page: Page) => Promise<void>;
}

function heading(name: string | RegExp): ShownPage["ready"] {
  return async (page) => await page.getByRole("heading", { name }).first().waitFor();
}

/** `bench` has routes and at least one cause that differs. */
export async function shownPages({ api }: Pick<Bench, "api">): Promise<readonly ShownPage[]> {
  const { items } = await api<{ items: ListedGroup[] }>("/api/v1/groups?limit=50");
  const cause =
    items.find(({ method, signature }) => method === "PUT" && signature[0]?.kind === "precision") ?? items[0];
  if (cause === undefined) throw new Error("there is no cause to show");
  const { items: records } = await api<{ items: DivergenceRecord[] }>("/api/v1/divergences?limit=1");
  const id = records[0]?.id ?? "";
  return [
    { name: "overview", address: "#/", ready: heading("Routes") },
    { name: "route", address: "#/routes/carts", ready: heading("May next become the primary?") },
    { name: "causes", address: "#/causes", ready: heading(/^\d+ causes?$/) },
    { name: "cause", address: `#/causes/${cause.id}`, ready: heading("Request") },
    { name: "live", address: "#/live", ready: heading(/^[1-9][\d,]* divergences?$/) },
    { name: "opened", address: `#/live?id=${id}`, ready: heading("The divergence") },
    { name: "repairs", address: "#/repairs", ready: heading("Runs since the process began") },
    { name: "process", address: "#/process", ready: heading(/^Members/) },
    { name: "unseen", address: "#/unseen", ready: heading("carts") },
    { name: "audit", address: "#/audit", ready: heading("By API, CLI and this page, the newest first") },
  ];
}
