/**
 * `npm run screenshots [-- FOLDER] [--only NAME] [--width PX] [--theme dark]`: every page of the dashboard on live data, on a phone, a laptop and a 4k screen, light and dark,
 * as PNG files to look at; and some where there is nothing yet, too much of everything, and where the store is gone. Default folder: screenshots.
 */
import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import type { Page } from "playwright-core";
import { openBrowser, THEMES, view } from "../support/browser.ts";
import { openShop } from "../support/shop.ts";
import { shownPages } from "../support/dashboard-pages.ts";
import { shownStates } from "../support/dashboard-states.ts";

const WIDTHS = [
  [360, 780],
  [1280, 900],
  [3840, 2160],
] as const;

/** Of a picture: the browser takes long for more, and nobody looks at it. */
const TALLEST = 12_000;

async function heightOf(page: Page): Promise<number> {
  return await page.evaluate<number>("document.documentElement.scrollHeight");
}

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { only: { type: "string" }, width: { type: "string" }, theme: { type: "string" } },
});
const isWanted = (given: string | undefined, value: string): boolean => given === undefined || given === value;
const folder = resolve(positionals[0] ?? "screenshots");
mkdirSync(folder, { recursive: true });
const ends: (() => Promise<void>)[] = [];
try {
  const cleanup = { after: (end: () => Promise<void>) => void ends.push(end) };
  const shop = await openShop(cleanup);
  await shop.traffic(40);
  shop.breakCarts(true);
  await shop.traffic(2);
  shop.breakCarts(false);
  await shop.traffic(10);
  const browser = await openBrowser(cleanup);
  const own = (await shownPages(shop)).map((page) => ({ ...page, origin: shop.crossfade.adminUrl }));
  const pages = [...own, ...(await shownStates(cleanup))].filter(({ name }) => isWanted(values.only, name));
  const live = setInterval(() => void shop.send("PUT", "/users/8", { name: "live" }), 300);
  ends.push(() => Promise.resolve(clearInterval(live)));
  for (const theme of THEMES.filter((one) => isWanted(values.theme, one))) {
    for (const [width, height] of WIDTHS.filter(([one]) => isWanted(values.width, String(one)))) {
      for (const { name, origin, address, ready } of pages) {
        // More of the same on a screen that has room.
        if (width === 3840 && origin !== shop.crossfade.adminUrl) continue;
        const { page, complaints } = await view(browser, origin, { width, height, theme });
        await page.goto(`${origin}/${address}`);
        await ready(page).catch(async (error: unknown) => {
          await page.screenshot({ path: join(folder, `failed-${name}.png`) });
          console.log(complaints.join("\n"), await page.title(), page.url());
          throw error;
        });
        // Rates need some seconds to be known.
        await page.waitForTimeout(name === "overview" ? 2_500 : 300);
        const file = join(folder, `${name}-${width}-${theme}.png`);
        await page.screenshot({ path: file, fullPage: width < 3840 && (await heightOf(page)) < TALLEST });
        console.log(file, complaints.join(" "));
        await page.context().close();
      }
    }
  }
} finally {
  for (const end of ends.toReversed()) await end();
}
