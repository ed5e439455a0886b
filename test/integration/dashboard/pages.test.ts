/** Every page on live data from real traffic: without violations of axe-core, in both themes, from a phone to a 4k screen. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { overflow, THEMES, view, violations } from "../../support/browser.ts";
import { shownPages, tellBackfill } from "../../support/dashboard-pages.ts";
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
