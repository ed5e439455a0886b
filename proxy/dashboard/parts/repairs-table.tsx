import type { JSX } from "preact";
import { plural } from "../../admin/sentences.ts";
import type { GapRecord, RepairRecord } from "../../evidence/evidence.ts";
import { Badge } from "./notice.tsx";
import { Cell, HeadCell, Row, Table } from "./section.tsx";
import { Told, When } from "./text.tsx";

export function RepairsTable({
  repairs,
  now,
}: {
  readonly repairs: readonly RepairRecord[];
  readonly now: number;
}): JSX.Element {
  if (repairs.length === 0) return <p>No key is on the repair list.</p>;
  return (
    <Table label="Keys on the repair list" head={["key", "why", "since", "attempts", "last found"]} cards>
      {repairs.map((repair) => (
        <Row key={`${repair.route} ${repair.key ?? ""}`}>
          <HeadCell>
            <Told text={repair.key ?? `all of ${repair.route}`} />{" "}
            {repair.state === "parked" && <Badge tone="bad">parked</Badge>}
          </HeadCell>
          <Cell label="why">
            {repair.reason}
            {repair.times > 1 && ` (${plural(repair.times, "time")})`}
          </Cell>
          <Cell label="since">
            <When at={repair.since} now={now} />
          </Cell>
          <Cell label="attempts">{repair.attempts}</Cell>
          <Cell label="last found" wide>
            <Told text={repair.lastError ?? "–"} />
          </Cell>
        </Row>
      ))}
    </Table>
  );
}

export function GapsTable({ gaps, now }: { readonly gaps: readonly GapRecord[]; readonly now: number }): JSX.Element {
  if (gaps.length === 0) return <p>There is no gap.</p>;
  return (
    <Table label="Gaps" head={["route", "from", "to", "why"]} cards>
      {gaps.map((gap) => (
        <Row key={gap.id}>
          <HeadCell>
            <Told text={gap.route} />
          </HeadCell>
          <Cell label="from">
            <When at={gap.from} now={now} />
          </Cell>
          <Cell label="to">
            {gap.to === null ? <Badge tone="bad">still open</Badge> : <When at={gap.to} now={now} />}
          </Cell>
          <Cell label="why" wide>
            <Told text={gap.why} />
          </Cell>
        </Row>
      ))}
    </Table>
  );
}
