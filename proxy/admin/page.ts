/** `GET /`: a plain status page. Pure: built from the status, the largest groups and a sample of each. */
import { GROUP_STATES } from "../evidence.ts";
import type { CauseCounts } from "../ports.ts";
import { Html, html } from "./html.ts";
import { PAGE_SCRIPT, PAGE_STYLE } from "./page-assets.ts";
import { causesSection, type PageGroup } from "./page-causes.ts";
import { outcomeParts, outcomeSum, spellCount, spellEvidence, spellShare, spellSpan } from "./sentences.ts";
import type { StatusView } from "./status-view.ts";
import { type RouteStatus, worstFirst } from "./route-status.ts";

const ROUTES_SHOWN = 100;
const WARNINGS_SHOWN = 20;

export interface PageInput {
  readonly status: StatusView;
  /** null: the store could not be asked; the reason is in `groupsProblem`. */
  readonly groups: readonly PageGroup[] | null;
  readonly groupsProblem: string | null;
  /** For the Content-Security-Policy. */
  readonly nonce: string;
}

export function renderPage(input: PageInput): string {
  const { status } = input;
  return renderDocument(
    input.nonce,
    html`<h1>${status.summary}</h1>
      <p class="quiet">
        Crossfade ${status.version}, as of <time datetime="${status.time}">${status.time.slice(11, 19)} UTC</time>, up
        ${spellSpan(Date.parse(status.time) - Date.parse(status.startedAt))}. Config:
        ${status.config.file ?? "flags alone"}, revision ${status.config.revision}. Store: ${status.store.kind}.
      </p>
      ${warningsSection(status)} ${routesSection(status.routes)}
      ${causesSection(input.groups, input.groupsProblem, causesOf(status.routes))}
      <section aria-labelledby="more">
        <h2 id="more">More</h2>
        <p>
          <a href="/api/v1/status">status</a> · <a href="/api/v1/routes">routes</a> ·
          <a href="/api/v1/divergences">divergences</a> · <a href="/api/v1/groups">groups</a> ·
          <a href="/api/v1/repairs">repairs</a> · <a href="/api/v1/gaps">gaps</a> · <a href="/metrics">metrics</a> ·
          <a href="/api/v1/openapi.json">OpenAPI</a>
        </p>
      </section>`,
  );
}

/** Of all routes; null where the store has not said. */
function causesOf(routes: readonly RouteStatus[]): CauseCounts | null {
  const sum = { new: 0, acknowledged: 0, fixed: 0, regressed: 0 };
  for (const { causes } of routes) {
    if (causes === null) return null;
    for (const state of GROUP_STATES) sum[state] += causes[state];
  }
  return sum;
}

/** For a browser that has no token yet: it is asked for one, and keeps it for as long as its tab lives. */
export function renderSignIn(nonce: string): string {
  return renderDocument(
    nonce,
    html`<h1>This listener asks for a token</h1>
      <form id="sign-in">
        <label for="token">Token (one of <code>admin.tokens</code> in the config)</label>
        <input id="token" type="password" autocomplete="off" required /> <button>Show the status</button>
        <p id="refused" role="alert" hidden>That token is not known here.</p>
      </form>`,
  );
}

function renderDocument(nonce: string, main: Html): string {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <title>Crossfade</title>
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <link rel="icon" href="data:," />
        <style nonce="${nonce}">
          ${new Html(PAGE_STYLE)}
        </style>
      </head>
      <body>
        <p id="stale" role="status" hidden>Crossfade does not answer; what follows is how it was.</p>
        <main>${main}</main>
        <script nonce="${nonce}">
          ${new Html(PAGE_SCRIPT)};
        </script>
      </body>
    </html> `.text;
}

function warningsSection({ warnings }: StatusView): Html {
  if (warnings.length === 0) return html`<p>No warnings.</p>`;
  const shown = warnings.slice(0, WARNINGS_SHOWN).map((warning) => html`<li>${warning}</li>`);
  const more = warnings.length - shown.length;
  const rest = more > 0 ? html`<p>and ${spellCount(more)} more, see <a href="/api/v1/status">status</a></p>` : html``;
  return html`<section aria-labelledby="warnings">
    <h2 id="warnings">Warnings</h2>
    <ul class="warnings">
      ${shown}
    </ul>
    ${rest}
  </section>`;
}

function routesSection(routes: readonly RouteStatus[]): Html {
  const rows = worstFirst(routes)
    .slice(0, ROUTES_SHOWN)
    .map(
      (route) =>
        html`<tr>
          <th scope="row"><bdi>${route.name}</bdi></th>
          <td class="tight">
            ${route.phase}${route.phase === route.wanted ? "" : ` (config: ${route.wanted})`}<br /><span class="quiet"
              >${route.primary}${route.shadow === null ? " alone" : ` → ${route.shadow}`}</span
            >
          </td>
          <td>${outcomeBar(route)}${outcomeSum(route)}</td>
          <td>${route.divergenceRate === null ? "–" : spellShare(route.divergenceRate)}</td>
          <td>${route.lagMs > 0 ? spellSpan(route.lagMs) : "–"}</td>
          <td>${route.breaker ?? "–"}</td>
          <td>${spellCount(route.repairs)}</td>
          <td>${spellCount(route.gaps)}</td>
          <td>${route.gateEvidence === 0 ? "–" : spellEvidence(route.gateEvidence)}</td>
        </tr>`,
    );
  const more = routes.length - rows.length;
  const rest = more > 0 ? html`<p>and ${spellCount(more)} more, see <a href="/api/v1/routes">routes</a></p>` : html``;
  return html`<section aria-labelledby="routes">
    <h2 id="routes">Routes</h2>
    <div class="wide">
      <table>
        <thead>
          <tr>
            <th scope="col">route</th>
            <th scope="col">phase</th>
            <th scope="col">what became of the copies</th>
            <th scope="col">divergent</th>
            <th scope="col">lag</th>
            <th scope="col">breaker</th>
            <th scope="col">repairs</th>
            <th scope="col">gaps</th>
            <th scope="col">evidence</th>
          </tr>
        </thead>
        <tbody>
          ${rows}
        </tbody>
      </table>
    </div>
    ${rest}
  </section>`;
}

/** Of the whole; what is there at all can be seen. */
const LEAST_SHARE = 0.006;

/** Says nothing that the sum beside it does not say: hidden from readers of text. */
function outcomeBar(route: RouteStatus): Html {
  if (route.eligible <= 0) return html``;
  let x = 0;
  const rects = outcomeParts(route).map(({ outcome, count }) => {
    const width = 1000 * Math.max(LEAST_SHARE, count / route.eligible);
    const rect = html`<rect
      class="o-${outcome}"
      x="${x.toFixed(1)}"
      y="0"
      width="${width.toFixed(1)}"
      height="6"
    ></rect>`;
    x += width;
    return rect;
  });
  return html`<svg class="bar" viewBox="0 0 ${x.toFixed(1)} 6" preserveAspectRatio="none" aria-hidden="true">
    ${rects}
  </svg>`;
}
