import type { JSX } from "preact";
import type { AuditAction, AuditEntry } from "../../evidence/audit.ts";
import { spellPlace } from "../address.ts";
import { useList } from "../parts/more.tsx";
import { Cell, HeadCell, Row, Section, Table } from "../parts/section.tsx";
import { Told, When } from "../parts/text.tsx";
import { useLive } from "../state.tsx";

/** Where what was changed has a page of its own. */
const PLACES: Readonly<Partial<Record<AuditAction, (subject: string) => string>>> = {
  group: (id) => spellPlace("cause", id),
  override: (route) => spellPlace("route", route),
  phase: (route) => spellPlace("route", route),
  repair: (route) => spellPlace("repairs", "", { route }),
  replay: (id) => spellPlace("live", "", { id }),
};

function Subject({ action, subject }: Pick<AuditEntry, "action" | "subject">): JSX.Element {
  if (subject === null) return <>the whole process</>;
  const href = PLACES[action]?.(subject);
  if (href === undefined) return <Told text={subject} />;
  return (
    <a href={href}>
      <Told text={subject} />
    </a>
  );
}

export function AuditPage(): JSX.Element {
  const { status } = useLive();
  const { items, foot } = useList<AuditEntry>("/api/v1/audit?limit=100", 10_000);
  const now = status === null ? null : Date.parse(status.time);
  return (
    <>
      <h1>What was changed, by whom and why</h1>
      <Section id="audit" title="By API, CLI and this page, the newest first">
        {items !== null && items.length === 0 && <p>Nothing was changed so far.</p>}
        {items !== null && items.length > 0 && (
          <Table label="Changes" head={["when", "who", "what", "of", "why"]} cards>
            {items.map(({ id, at, by, action, subject, what, reason }) => (
              <Row key={id}>
                <HeadCell>
                  <When at={at} now={now} />
                </HeadCell>
                <Cell label="who">
                  <Told text={by} />
                </Cell>
                <Cell label="what">
                  <Told text={`${action}: ${what}`} />
                </Cell>
                <Cell label="of">
                  <Subject action={action} subject={subject} />
                </Cell>
                <Cell label="why" wide>
                  <Told text={reason ?? "–"} />
                </Cell>
              </Row>
            ))}
          </Table>
        )}
        {foot}
      </Section>
    </>
  );
}
