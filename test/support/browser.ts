/** A real Chromium that looks at the dashboard, and what must not happen meanwhile: errors, and requests to anybody else. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { findChromium } from "../../deploy/servers.mjs";
import type { Cleanup } from "./crossfade.ts";

export const THEMES = ["light", "dark"] as const;
export type Theme = (typeof THEMES)[number];

export interface View {
  readonly width: number;
  readonly height?: number;
  readonly theme?: Theme;
}

export interface Viewer {
  readonly page: Page;
  /** Whatever went wrong in the page so far, and every address that is not of `origin`. */
  readonly complaints: readonly string[];
}

export async function openBrowser(t: Cleanup): Promise<Browser> {
  // Root has no sandbox of its own to make one in.
  const args = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
  const browser = await chromium.launch({ executablePath: findChromium(), args });
  t.after(() => browser.close());
  return browser;
}

/** A page of its own, with storage of its own, at `origin`'s dashboard. */
export async function view(
  browser: Browser,
  origin: string,
  { width, height = 900, theme = "light" }: View,
): Promise<Viewer> {
  const context: BrowserContext = await browser.newContext({
    viewport: { width, height },
    colorScheme: theme,
    reducedMotion: "reduce",
  });
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(`error: ${error.message}`));
  page.on("console", (message) => {
    // A failed request is told twice, and whether it was to fail is the test's to say.
    const isRequest = message.text().startsWith("Failed to load resource");
    if ((message.type() === "error" || message.type() === "warning") && !isRequest) complaints.push(message.text());
  });
  page.on("request", (request) => {
    if (!request.url().startsWith(`${origin}/`) && !request.url().startsWith("data:")) complaints.push(request.url());
  });
  await page.goto(`${origin}/`);
  return { page, complaints };
}

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

interface AxeViolation {
  readonly id: string;
  readonly help: string;
  readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[];
}

/** What axe-core finds wrong with the page as it is now, one line each; [] where nothing is. WCAG 2.2 AA and its best practices. */
export async function violations(page: Page): Promise<readonly string[]> {
  await page.evaluate(AXE);
  const found = await page.evaluate<AxeViolation[]>("axe.run(document).then(({ violations }) => violations)");
  return found.flatMap(({ id, help, nodes }) =>
    nodes.map(({ html, failureSummary = "" }) => `${id} (${help}): ${html.slice(0, 200)} ${failureSummary}`),
  );
}

/** How far the page is wider than what shows it, in px: 0, or something sticks out. */
export async function overflow(page: Page): Promise<number> {
  return await page.evaluate<number>("document.documentElement.scrollWidth - document.documentElement.clientWidth");
}
