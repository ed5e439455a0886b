/** One divergence: where the answers differ, side by side, and the whole exchange where it was kept. */
import type { JSX } from "preact";
import type { DivergenceRecord } from "../../evidence/evidence.ts";
import { askedFor } from "../../evidence/evidence.ts";
import { spellCurl, spellPairCurl } from "../../evidence/curl.ts";
import type { StoredPair } from "../../evidence/stored-pair.ts";
import { useLive } from "../state.tsx";
import { CopyButton } from "./copy.tsx";
import { Exchange } from "./exchange.tsx";
import { Badge } from "./notice.tsx";
import { ReplayPart } from "./replay.tsx";
import { Cell, Facts, HeadCell, Row, Table } from "./section.tsx";
import { Code, Told, When } from "./text.tsx";
import { Value } from "./value.tsx";

export function Sample({
  record,
  pair,
}: {
  readonly record: DivergenceRecord;
  /** null: none was kept. undefined: not known yet. */
  readonly pair: StoredPair | null | undefined;
}): JSX.Element {
  const { primary, shadow, outcome, reason } = record;
  return (
    <>
      <h3 class="request">
        <Code text={`${record.method} ${askedFor(record)}`} />{" "}
        <Badge tone="bad">{reason === null ? outcome : `${outcome}(${reason})`}</Badge>
      </h3>
      <Facts
        of={[
          ["when", <When at={record.time} />],
          ["key", <Told text={record.key ?? "none"} />],
          [`${primary.service} (primary)`, spellLeg(primary)],
          [
            shadow === null ? "shadow" : `${shadow.service} (shadow)`,
            shadow === null
              ? "not asked"
              : `${spellLeg(shadow)}${shadow.attempts > 1 ? `, ${shadow.attempts} attempts` : ""}`,
          ],
          ["build of next", <Told text={record.build ?? "not named"} />],
          ["trace", <Code text={record.traceId} />],
          ["id", <Code text={record.id} />],
        ]}
      />
      {record.error !== null && (
        <p>
          What went wrong: <Told text={record.error} />
        </p>
      )}
      {record.taintedBy !== null && (
        <p>
          It follows from an earlier copy of this key that failed: <Code text={record.taintedBy} />
        </p>
      )}
      <Differences record={record} />
      {pair !== undefined && <CurlButtons record={record} pair={pair} />}
      {pair === null ? (
        <p class="quiet">
          Of this one the places that differ were kept, not the whole exchange: a few of each cause are.
        </p>
      ) : (
        pair && <Exchange pair={pair} />
      )}
      <ReplayPart id={record.id} />
    </>
  );
}

function spellLeg({ status, ms, bytes }: DivergenceRecord["primary"]): string {
  const parts = [status === null ? "no answer" : String(status)];
  if (ms !== null) parts.push(`${ms.toFixed(1)} ms`);
  if (bytes !== null) parts.push(`${bytes} B`);
  return parts.join(", ");
}

function Differences({ record }: { readonly record: DivergenceRecord }): JSX.Element | null {
  const { differences, moreDifferences, primary, shadow } = record;
  if (differences.length === 0) return null;
  const [one, other] = [`${primary.service} (primary)`, `${shadow?.service ?? "shadow"} (shadow)`];
  return (
    <>
      <Table label="What differs" head={["at", "kind", one, other]} cards>
        {differences.map((difference) => (
          <Row key={`${difference.at} ${difference.kind}`}>
            <HeadCell>
              <Code
                text={difference.at === "" ? (difference.kind === "status" ? "status" : "(whole)") : difference.at}
              />
            </HeadCell>
            <Cell label="kind">{difference.kind}</Cell>
            <Cell label={one} wide>
              <Value text={difference.primary} beside={difference.shadow} />
            </Cell>
            <Cell label={other} wide>
              <Value text={difference.shadow} beside={difference.primary} />
            </Cell>
          </Row>
        ))}
      </Table>
      {moreDifferences > 0 && <p class="quiet">And {moreDifferences} more differences.</p>}
    </>
  );
}

function CurlButtons({
  record,
  pair,
}: {
  readonly record: DivergenceRecord;
  readonly pair: StoredPair | null;
}): JSX.Element {
  const { status } = useLive();
  const names = [record.primary.service, record.shadow?.service];
  const services = (status?.services ?? []).filter(({ name }) => names.includes(name));
  return (
    <div class="fields">
      {services.map(({ name, origin }) => {
        const lines = pair === null ? spellCurl(record, origin) : spellPairCurl(pair, origin);
        return <CopyButton key={name} name={`Copy as curl to ${name}`} text={`${lines.join("\n")}\n`} />;
      })}
    </div>
  );
}
