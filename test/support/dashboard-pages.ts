/** Every page of the dashboard, and how one knows that it is all there. */
import type { Page } from "playwright-core";
import { request } from "undici";
import type { DivergenceRecord, ListedGroup } from "../../proxy/evidence/evidence.ts";
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

/** As a backfill of the shop's orders tells of itself that is a third through and waits. Returns its id. */
export async function tellBackfill({ crossfade: { adminUrl } }: Pick<Bench, "crossfade">): Promise<string> {
  const post = async (path: string, body: unknown): Promise<string> => {
    const headers = { "content-type": "application/json" };
    const answer = await request(adminUrl + path, { method: "POST", headers, body: JSON.stringify(body) });
    return ((await answer.body.json()) as { readonly id: string }).id;
  };
  const id = await post("/api/v1/running-jobs", { kind: "backfill", collection: "orders" });
  const waiting = "copies of live writes are 12.3 s behind (--max-lag 10 s)";
  const far = { rows: 6_068, estimate: 18_204, rowsPerSecond: 512, written: 6_065, setAside: 3, waiting };
  return await post(`/api/v1/running-jobs/${id}/progress`, far);
}

/** So that the audit has something to tell. */
async function acknowledge({ crossfade }: Pick<Bench, "crossfade">, id: string | undefined): Promise<void> {
  if (id === undefined) return;
  const { statusCode, body } = await request(`${crossfade.adminUrl}/api/v1/groups/${id}`, {
    method: "PATCH",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ state: "acknowledged", reason: "the rewrite sorts items by their number; agreed with Ann" }),
  });
  const answer = await body.text();
  if (statusCode !== 200) throw new Error(answer);
}

/** `bench` has routes and at least one cause that differs. */
export async function shownPages(bench: Pick<Bench, "api" | "crossfade">): Promise<readonly ShownPage[]> {
  const { api } = bench;
  await tellBackfill(bench);
  const { items } = await api<{ items: ListedGroup[] }>("/api/v1/groups?limit=50");
  const cause =
    items.find(({ method, signature }) => method === "PUT" && signature[0]?.kind === "precision") ?? items[0];
  if (cause === undefined) throw new Error("there is no cause to show");
  await acknowledge(bench, items.find(({ id }) => id !== cause.id)?.id);
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
