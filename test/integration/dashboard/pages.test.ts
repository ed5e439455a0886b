/** Every page on live data from real traffic: without violations of axe-core, in both themes, from a phone to a 4k screen. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { openBrowser, overflow, THEMES, view, violations } from "../../support/browser.ts";
import { shownPages } from "../../support/dashboard-pages.ts";
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
