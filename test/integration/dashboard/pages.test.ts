/** Every page on live data from real traffic: without violations of axe-core, in both themes, from a phone to a 4k screen. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { overflow, THEMES, view, violations } from "../../support/browser.ts";
import { shownPages, tellBackfill } from "../../support/dashboard-pages.ts";
import { createAdmin } from "../../../proxy/admin/server.ts";
import { sampleAdminParts, sampleStatusInput } from "../../support/admin-parts.ts";
import { fixedStore } from "../../support/fixed-store.ts";
import { shownStates } from "../../support/dashboard-states.ts";
import { openFileBrowser } from "../../support/file-browser.ts";
import { openShop } from "../../support/shop.ts";

const browser = await openFileBrowser();

for (const width of [360, 1280, 3840]) {
  test(`every page is accessible and fits at ${width} px, in both themes`, async (t) => {
    const shop = await openShop(t);
    await shop.traffic(12);
    shop.breakCarts(true);
    await shop.traffic(1);
    shop.breakCarts(false);
    const { adminUrl } = shop.crossfade;
    const { page, complaints } = await view(browser, adminUrl, { width });
    for (const { name, address, ready } of await shownPages(shop)) {
      await page.goto(`${adminUrl}/${address}`);
      await ready(page);
      for (const colorScheme of THEMES) {
        await page.emulateMedia({ colorScheme });
        assert.deepEqual(await violations(page), [], `${name}, ${colorScheme}`);
      }
      assert.equal(await overflow(page), 0, `${name} is too wide`);
      assert.equal(await page.locator("h1").count(), 1, name);
    }
    assert.deepEqual(complaints, []);
  });
}

const STATES = {
  empty: "where there is nothing yet",
  many: "with more routes, longer names and larger numbers than anybody has",
  moved: "after a cutover",
  sick: "where the store is gone, the disk is full and next is away",
} as const;

for (const [state, when] of Object.entries(STATES)) {
  test(`pages are accessible on a phone and fit, ${when}`, async (t) => {
    const states = (await shownStates(t)).filter(({ name }) => name.startsWith(`${state}-`));
    assert.notEqual(states.length, 0);
    for (const { name, origin, address, ready } of states) {
      const { page, complaints } = await view(browser, origin, { width: 360, theme: "dark" });
      await page.goto(`${origin}/${address}`);
      await ready(page);
      assert.deepEqual(await violations(page), [], name);
      for (const width of [1280, 360]) {
        await page.setViewportSize({ width, height: 900 });
        assert.equal(await overflow(page), 0, `${name} at ${width} px is too wide`);
      }
      const current = page.getByRole("navigation", { name: "Pages" }).locator("[aria-current]");
      const { x, width } = (await current.boundingBox()) ?? assert.fail(name);
      assert.ok(x >= 0 && x + width <= 360, `${name}: which page this is cannot be seen`);
      assert.deepEqual(complaints, [], name);
      await page.context().close();
    }
  });
}

test("an address of nowhere says so, and leads back", async (t) => {
  const shop = await openShop(t);
  const { page, complaints } = await view(browser, shop.crossfade.adminUrl, { width: 1280 });
  await page.goto(`${shop.crossfade.adminUrl}/#/nowhere`);
  await page.getByRole("heading", { name: "There is no such page" }).waitFor();
  assert.deepEqual(await violations(page), []);
  await page.getByRole("main").getByRole("link", { name: "Overview" }).click();
  await page.getByRole("heading", { name: "Routes" }).waitFor();
  assert.deepEqual(complaints, []);
});

test("a backfill is told on the first page and among the repairs, with what it waits for, and pauses", async (t) => {
  const shop = await openShop(t);
  const { adminUrl } = shop.crossfade;
  const id = await tellBackfill(shop);
  const { page, complaints } = await view(browser, adminUrl, { width: 1280 });
  const said = /6,068 of about 18,204 rows, 512 rows\/s, about 24 s to go, 3 set aside/;
  for (const address of ["#/", "#/repairs"]) {
    await page.goto(`${adminUrl}/${address}`);
    await page.getByRole("heading", { name: "Backfill of orders running" }).waitFor();
    await page.getByText(said).waitFor();
    await page.getByText("It waits: copies of live writes are 12.3 s behind (--max-lag 10 s).").waitFor();
    assert.equal(await page.getByRole("progressbar", { name: `Rows of backfill ${id}` }).getAttribute("value"), "6068");
  }
  await page.getByRole("button", { name: "Pause" }).click();
  await page.getByRole("heading", { name: "Backfill of orders paused" }).waitFor();
  const wanted = async (): Promise<unknown> => (await shop.api<{ wanted: unknown }>(`/api/v1/jobs/${id}`)).wanted;
  assert.deepEqual(await wanted(), { state: "paused", by: "loopback" });
  await page.getByRole("button", { name: "Go on" }).click();
  await page.getByRole("heading", { name: "Backfill of orders running" }).waitFor();
  assert.equal(await wanted(), null);
  assert.deepEqual(complaints, []);
});

const HOUR = 60 * 60_000;

test("of each collection it is told among the repairs how its rows were found last, and when they are compared next", async (t) => {
  const parts = sampleAdminParts(fixedStore());
  const at = (hoursAgo: number): string => new Date(parts.input.now - hoursAgo * HOUR).toISOString();
  const ended = (hoursAgo: number) => ({ tables: "t", begunAt: at(hoursAgo), endedAt: at(hoursAgo) });
  const found = { sourceRows: 18_204, targetRows: 18_203, mismatched: 0, extra: 0, unmade: 0, around: null } as const;
  const bounds = { drawn: 100, differing: 0, shareAtMost: 0.03 };
  const schedule = { everyMs: 6 * HOUR, sample: null, nextAt: parts.input.now + 3 * HOUR, runningSince: null };
  parts.input = sampleStatusInput({
    collections: [
      {
        name: "users",
        route: "users",
        schedule: { ...schedule, problem: null },
        reconcile: { job: "reconcile", collection: "users", ...found, missing: 1, ...ended(3), cleanAt: at(9) },
        sample: null,
      },
      {
        name: "orders",
        route: "users",
        schedule: { ...schedule, nextAt: null, runningSince: parts.input.now - 60_000, problem: "it ended with 3" },
        reconcile: null,
        sample: {
          ...{ job: "sample", collection: "orders", legacy: bounds, next: bounds, ...ended(1) },
          ...{ missing: 0, mismatched: 0, unmade: 0 },
        },
      },
      { name: "carts", route: "users", schedule: null, reconcile: null, sample: null },
    ],
  });
  const admin = await createAdmin(parts);
  t.after(() => admin.close());
  const origin = `http://127.0.0.1:${admin.address.port}`;
  const { page, complaints } = await view(browser, origin, { width: 360 });
  await page.goto(`${origin}/#/repairs`);
  await page.getByRole("heading", { name: "Rows, compared" }).waitFor();
  const told = await page.getByRole("region", { name: "Rows, compared" }).locator("p").allInnerTexts();
  assert.deepEqual(
    told.map((text) => text.replaceAll(/\s+/g, " ").trim()),
    [
      "✕ users: compared 3 h ago: 1 differ · equal 9 h ago · next in 3 h",
      "✕ orders: sample 1 h ago: 0 of 200 rows differ · failed: it ended with 3 · being compared since 1 min",
      "– carts: never",
    ],
  );
  assert.deepEqual(await violations(page), []);
  assert.equal(await overflow(page), 0);
  assert.deepEqual(complaints, []);
});
