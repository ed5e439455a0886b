/** Every page on live data from real traffic: without violations of axe-core, in both themes, from a phone to a 4k screen. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { openBrowser, overflow, THEMES, view, violations } from "../../support/browser.ts";
import { shownPages, tellBackfill } from "../../support/dashboard-pages.ts";
import { shownStates } from "../../support/dashboard-states.ts";
import { openShop } from "../../support/shop.ts";

const WIDTHS = [360, 1280, 3840];

test(`every page is accessible and fits, in both themes, at ${WIDTHS.join(", ")} px`, async (t) => {
  const shop = await openShop(t);
  await shop.traffic(12);
  shop.breakCarts(true);
  await shop.traffic(1);
  shop.breakCarts(false);
  const { adminUrl } = shop.crossfade;
  const { page, complaints } = await view(await openBrowser(t), adminUrl, { width: 1280 });
  for (const { name, address, ready } of await shownPages(shop)) {
    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height: 900 });
      await page.goto(`${adminUrl}/${address}`);
      await ready(page);
      for (const colorScheme of THEMES) {
        await page.emulateMedia({ colorScheme });
        assert.deepEqual(await violations(page), [], `${name} at ${width} px, ${colorScheme}`);
      }
      assert.equal(await overflow(page), 0, `${name} at ${width} px is too wide`);
    }
    assert.equal(await page.locator("h1").count(), 1, name);
  }
  assert.deepEqual(complaints, []);
});

test("pages fit and are accessible where there is nothing yet, too much of everything, after a cutover and without the store", async (t) => {
  const browser = await openBrowser(t);
  for (const { name, origin, address, ready } of await shownStates(t)) {
    const { page, complaints } = await view(browser, origin, { width: 360 });
    for (const width of [360, 1280]) {
      await page.setViewportSize({ width, height: 900 });
      await page.goto(`${origin}/${address}`);
      await ready(page);
      const current = page.getByRole("navigation", { name: "Pages" }).locator("[aria-current]");
      const { x, width: wide } = (await current.boundingBox()) ?? assert.fail(name);
      assert.ok(x >= 0 && x + wide <= width, `${name} at ${width} px: where one is cannot be seen`);
      assert.deepEqual(await violations(page), [], `${name} at ${width} px`);
      assert.equal(await overflow(page), 0, `${name} at ${width} px is too wide`);
    }
    assert.deepEqual(complaints, [], name);
    await page.context().close();
  }
});

test("an address of nowhere says so, and leads back", async (t) => {
  const shop = await openShop(t);
  const { page, complaints } = await view(await openBrowser(t), shop.crossfade.adminUrl, { width: 1280 });
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
  const { page, complaints } = await view(await openBrowser(t), adminUrl, { width: 1280 });
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
