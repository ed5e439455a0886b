import type { JSX } from "preact";
import { comparisonsOf } from "../../admin/collection-sentences.ts";
import type { CollectionStatus } from "../../admin/collection-status.ts";
import { spellSpan } from "../../admin/sentences.ts";
import { Mark } from "./notice.tsx";
import { Cell, HeadCell, Row, Table } from "./section.tsx";
import { Told } from "./text.tsx";

const HEAD = ["collection", "last", "next"];

/** Of each collection how its rows were found last, and when they are compared next. */
export function ComparedRows({
  collections,
  now,
}: {
  readonly collections: readonly CollectionStatus[];
  readonly now: number;
}): JSX.Element {
  return (
    <Table label="Collections" head={HEAD} cards>
      {collections.map((collection) => (
        <Collection key={collection.name} of={collection} now={now} />
      ))}
    </Table>
  );
}

function Collection({ of, now }: { readonly of: CollectionStatus; readonly now: number }): JSX.Element {
  const { last, failed, next } = comparisonsOf(of, now);
  return (
    <Row>
      <HeadCell>
        <Told text={of.name} />
      </HeadCell>
      <Cell label="last">
        {last.length === 0 && "never compared"}
        {last.map(({ text, isEqual }) => (
          <div key={text}>
            <Mark tone={isEqual ? "good" : "bad"} /> {text}
          </div>
        ))}
      </Cell>
      <Cell label="next">
        {of.schedule === null && "by hand: crossfade reconcile"}
        {of.schedule !== null && (
          <div>
            {next ?? "not known yet"}, every {spellSpan(of.schedule.everyMs)}
          </div>
        )}
        {failed !== null && (
          <div class="tone-bad">
            <Told text={failed} />
          </div>
        )}
      </Cell>
    </Row>
  );
}
