import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { MemberView } from "../../admin/member-view.ts";
import { spellCount } from "../../admin/sentences.ts";
import type { MemberState } from "../../members/members.ts";
import { change } from "../client.ts";
import { useDoing } from "../state.tsx";
import { useList } from "./more.tsx";
import { Badge, Problem, type Tone } from "./notice.tsx";
import { ReasonField } from "./reason.tsx";
import { Cell, HeadCell, Row, Section, Table } from "./section.tsx";
import { Code, Told, When } from "./text.tsx";

const TONES: Readonly<Record<MemberState, Tone>> = { serving: "good", draining: "warn", left: "none", silent: "bad" };

/** The processes that share the store. A silent one stops changes of phases, until it is back or forgotten. */
export function MembersSection({ now }: { readonly now: number }): JSX.Element {
  const { items, foot } = useList<MemberView>("/api/v1/members?limit=100");
  const [forgetting, setForgetting] = useState<string | null>(null);
  return (
    <Section id="members" title="Members: the processes that use this store">
      {items !== null && (
        <Table label="Members" head={["member", "state", "heard", "without an outcome", "settings", "version"]} cards>
          {items.map((member) => (
            <Row key={member.id}>
              <HeadCell>
                <Told text={member.name ?? member.id} /> {member.self && <Badge tone="mild">answers here</Badge>}
                <div class="quiet">
                  <Told text={`${member.host}, pid ${member.pid}`} />
                </div>
              </HeadCell>
              <Cell label="state">
                <Badge tone={TONES[member.state]}>{member.state}</Badge>{" "}
                {member.state === "silent" && (
                  <button type="button" onClick={() => setForgetting(member.id)}>
                    Forget …
                  </button>
                )}
              </Cell>
              <Cell label="heard">
                <When at={member.heard} now={now} />
              </Cell>
              <Cell label="without an outcome">{spellCount(member.open)}</Cell>
              <Cell label="settings">
                revision {member.settings.revision}, <Code text={member.settings.digest} />
              </Cell>
              <Cell label="version">{member.version}</Cell>
            </Row>
          ))}
        </Table>
      )}
      {foot}
      {forgetting !== null && <Forget id={forgetting} onClose={() => setForgetting(null)} />}
    </Section>
  );
}

function Forget({ id, onClose }: { readonly id: string; readonly onClose: () => void }): JSX.Element {
  const doing = useDoing<unknown>();
  const [reason, setReason] = useState("");
  const forget = (event: Event): void => {
    event.preventDefault();
    doing.run(async () => {
      await change<unknown>("POST", `/api/v1/members/${encodeURIComponent(id)}/forget`, { reason: reason.trim() });
      onClose();
    });
  };
  return (
    <form onSubmit={forget} aria-label={`Forget ${id}`}>
      <p>
        What <Code text={id} /> had under way is no longer waited for. Do this only if it will not come back.
      </p>
      <div class="fields">
        <ReasonField value={reason} onInput={setReason} required />
        <button type="submit" class="danger" disabled={doing.busy}>
          Forget it
        </button>
        <button type="button" onClick={onClose}>
          Leave it
        </button>
      </div>
      <Problem of={doing.problem} what="Not forgotten" />
    </form>
  );
}
