/** The browser of a test file. Apart from what opens one, which is also used where no tests run. */
import { after, afterEach } from "node:test";
import type { Browser } from "playwright-core";
import { openBrowser } from "./browser.ts";

/** One for all tests of the file, to be asked for beside them and not within one. No test sees a page of another. */
export async function openFileBrowser(): Promise<Browser> {
  const browser = await openBrowser({ after });
  afterEach(async () => {
    await Promise.all(browser.contexts().map((context) => context.close()));
  });
  return browser;
}
