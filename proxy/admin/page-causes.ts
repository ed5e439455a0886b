/** The part of the status page that shows where the services differ: a group for each cause, with a sample. Pure. */
import { askedFor, type DivergenceRecord, type GroupRecord, type GroupState } from "../evidence.ts";
import { spellPart } from "../group-sentence.ts";
import type { CauseCounts } from "../ports.ts";
import { type Html, html } from "./html.ts";
import { type OfGroup, spellOwnDisagreements } from "./own-disagreements.ts";
import { plural, spellCount, spellShare } from "./sentences.ts";

const DIFFERENCES_SHOWN = 4;
const VALUE_SHOWN = 200;

export interface PageGroup {
  readonly group: GroupRecord & OfGroup;
  readonly sample: DivergenceRecord | null;
}

/** What differs, by cause; `groups` null: the store could not be asked, and `problem` says why. `counts`: of all routes. */
export function causesSection(
  groups: readonly PageGroup[] | null,
  problem: string | null,
  counts: CauseCounts | null,
): Html {
  const heading = html`<h2 id="groups">What differs, by cause</h2>`;
  if (groups === null) {
    return html`<section aria-labelledby="groups">
      ${heading}
      <p>Not to be had now: ${problem ?? "unknown"}</p>
    </section>`;
  }
  const rest = html`<p>${dealtWith(counts)}</p>`;
  if (groups.length === 0)
    return html`<section aria-labelledby="groups">
      ${heading}
      <p>Nothing is open.</p>
      ${rest}
    </section>`;
  return html`<section aria-labelledby="groups">${heading}${groups.map(groupArticle)} ${rest}</section>`;
}

/** Causes that nobody needs to look at are counted, not shown. */
function dealtWith(counts: CauseCounts | null): Html {
  if (counts === null) return html``;
  const link = (state: GroupState): Html =>
    counts[state] === 0
      ? html``
      : html`<a href="/api/v1/groups?state=${state}">${plural(counts[state], "cause")} ${state}</a>. `;
  return html`${link("acknowledged")}${link("fixed")}`;
}

function groupArticle({ group, sample }: PageGroup): Html {
  const places = group.signature.map((part) => html`<code>${spellPart(part)}</code> `);
  const differences = (sample?.differences ?? []).slice(0, DIFFERENCES_SHOWN).map(
    (difference) =>
      html`<tr>
        <td><code>${difference.at}</code></td>
        <td>${difference.kind}</td>
        <td><code>${valueOf(difference.primary)}</code></td>
        <td><code>${valueOf(difference.shadow)}</code></td>
      </tr>`,
  );
  const table =
    sample === null || differences.length === 0
      ? html``
      : html`<div class="wide">
          <table>
            <caption>
              For instance
              <bdi>${sample.method} ${cut(askedFor(sample))}</bdi>
              at ${sample.time}
            </caption>
            <thead>
              <tr>
                <th scope="col">at</th>
                <th scope="col">kind</th>
                <th scope="col">${sample.primary.service} (primary)</th>
                <th scope="col">${sample.shadow?.service ?? "shadow"} (shadow)</th>
              </tr>
            </thead>
            <tbody>
              ${differences}
            </tbody>
          </table>
        </div>`;
  const own = spellOwnDisagreements(group.ownDisagreements);
  return html`<article>
    <h3><bdi>${group.method} ${group.route}</bdi>: ${places}</h3>
    <p>
      ${group.state}, ${group.trend.direction}: ${plural(group.count, "time")}, ${spellShare(group.share)} of what was
      compared, last at ${group.lastSeen}, first at ${group.firstSeen}${inBuild(group.firstBuild)}.
      ${group.tainted === 0 ? "" : `${spellCount(group.tainted)} more follow from it. `}
      <a href="/api/v1/groups/${encodeURIComponent(group.id)}">group <bdi>${group.id}</bdi></a>
    </p>
    ${own === null ? "" : html`<p>${own}.</p>`} ${table}
  </article>`;
}

function inBuild(build: string | null): string {
  return build === null ? "" : ` in build ${cut(build)}`;
}

function valueOf(value: string | null): string {
  return value === null ? "absent" : cut(value);
}

function cut(text: string): string {
  return text.length > VALUE_SHOWN ? `${text.slice(0, VALUE_SHOWN)}…` : text;
}
