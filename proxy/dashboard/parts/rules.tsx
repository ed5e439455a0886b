import type { JSX } from "preact";
import type { RouteView } from "../../admin/route-view.ts";
import { spellCount } from "../../admin/sentences.ts";
import { Badge, Notice } from "./notice.tsx";
import { Cell, HeadCell, Row, Section, Table } from "./section.tsx";
import { Code, Told, When } from "./text.tsx";

/** What excuses differences here, and whether it still does anything. */
export function RulesSection({ route, now }: { readonly route: RouteView; readonly now: number }): JSX.Element {
  const { rules, compare, module } = route;
  return (
    <Section id="rules" title="Rules of the comparison">
      {compare.mustMatch.length > 0 && (
        <p>
          Must match, whatever rules say: <Code text={compare.mustMatch.join(", ")} />
        </p>
      )}
      {module?.failures.map(({ step, times, last }) => (
        <Notice key={step} tone="bad">
          <Told text={`${step} failed ${times} times, the last time: ${last}`} />
        </Notice>
      ))}
      {rules.length === 0 ? (
        <p>No rule excuses anything.</p>
      ) : (
        <Table label="Rules" head={["rule", "because", "excused", "last"]} cards>
          {rules.map(({ rule, because, until, excused, lastExcusedAt, stale }) => (
            <Row key={rule}>
              <HeadCell>
                <Code text={rule} /> {stale && <Badge tone="warn">stale</Badge>}
              </HeadCell>
              <Cell label="because" wide>
                <Told text={because ?? "–"} />
                {until !== null && (
                  <>
                    {" "}
                    until <When at={until} />
                  </>
                )}
              </Cell>
              <Cell label="excused">{spellCount(excused)}</Cell>
              <Cell label="last">{lastExcusedAt === null ? "never" : <When at={lastExcusedAt} now={now} />}</Cell>
            </Row>
          ))}
        </Table>
      )}
    </Section>
  );
}
