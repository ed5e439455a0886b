import type { ComponentChildren, JSX } from "preact";
import { useState } from "preact/hooks";
import { plural, spellBytes, spellCount, spellShare, spellSpan } from "../../admin/sentences.ts";
import type { StatusView } from "../../admin/status-view.ts";
import { spellPlace } from "../address.ts";
import { change } from "../client.ts";
import { MembersSection } from "../parts/members.tsx";
import { Badge, Notice, Problem } from "../parts/notice.tsx";
import { ReasonField } from "../parts/reason.tsx";
import { Breaker } from "../parts/routes-table.tsx";
import { Cell, Facts, HeadCell, Row, Section, Table } from "../parts/section.tsx";
import { Code, Told, When } from "../parts/text.tsx";
import { useDoing, useLive } from "../state.tsx";

export function ProcessPage(): JSX.Element {
  const { status } = useLive();
  return (
    <>
      <h1>Lanes, journal and members</h1>
      {status !== null && (
        <>
          <LanesSection status={status} />
          <div class="columns even">
            <Kept status={status} />
            <SwitchSection status={status} />
          </div>
          <MembersSection now={Date.parse(status.time)} />
        </>
      )}
    </>
  );
}

/** How much of a limit is used, as a bar and as numbers. */
function Used({
  name,
  used,
  limit,
}: {
  readonly name: string;
  readonly used: number;
  readonly limit: number | null;
}): JSX.Element {
  if (limit === null) return <>{spellBytes(used)}</>;
  const share = limit === 0 ? 0 : used / limit;
  return (
    <>
      <meter aria-label={name} min={0} max={1} high={0.7} optimum={0} value={Math.min(1, share)} />
      <br />
      {spellBytes(used)} of {spellBytes(limit)} ({spellShare(share)})
    </>
  );
}

function LanesSection({ status }: { readonly status: StatusView }): JSX.Element {
  const { queue, journal, routes } = status;
  const mirrored = routes.filter(({ shadow }) => shadow !== null);
  const headroom = queue.headroomSeconds;
  return (
    <Section id="lanes" title="Writes on their way to the shadow">
      {journal.problem !== null && (
        <Notice tone="bad">
          The journal: <Told text={journal.problem} />
        </Notice>
      )}
      <Facts
        of={[
          ["in memory", <Used name="Memory of the queue" used={queue.bytes} limit={queue.limitBytes} />],
          ["bodies on disk", <Used name="Spool" used={queue.spoolBytes} limit={queue.spoolLimitBytes} />],
          [`journal (${journal.kind})`, <Used name="Journal" used={journal.bytes} limit={journal.limitBytes} />],
          ["waiting in lanes", spellCount(queue.waiting)],
          ["at the shadow", `${spellCount(queue.inFlight)} of ${spellCount(queue.inFlightLimit)}`],
          [
            "writes without an outcome",
            `${spellCount(journal.depth)}, ${spellCount(journal.waiting)} of them in the journal alone`,
          ],
          ["until writes drop", headroom === null ? "nothing queues" : spellSpan(headroom * 1000)],
        ]}
      />
      {mirrored.length > 0 && (
        <Table label="Lanes by route" head={["route", "pending", "lag", "breaker", "held back"]} cards>
          {mirrored.map((route) => (
            <Row key={route.name}>
              <HeadCell>
                <a href={spellPlace("route", route.name)}>
                  <Told text={route.name} />
                </a>
              </HeadCell>
              <Cell label="pending">{spellCount(route.pending)}</Cell>
              <Cell label="lag">{route.lagMs > 0 ? spellSpan(route.lagMs) : "–"}</Cell>
              <Cell label="breaker">
                <Breaker state={route.breaker} />
              </Cell>
              <Cell label="held back">{route.heldWrites === null ? "–" : spellCount(route.heldWrites)}</Cell>
            </Row>
          ))}
        </Table>
      )}
    </Section>
  );
}

function stateOf(problem: string | null): ComponentChildren {
  return problem === null ? (
    <Badge tone="good">well</Badge>
  ) : (
    <span class="tone-bad">
      <Told text={problem} />
    </span>
  );
}

function Kept({ status }: { readonly status: StatusView }): JSX.Element {
  const { store, log, pairs, webhook, services, workers, config } = status;
  const notKept = Object.entries(pairs.notKept).filter(([, count]) => count > 0);
  return (
    <Section id="kept" title="Services, store and log">
      <ul class="plain">
        {services.map(({ name, origin, problem }) => (
          <li key={name}>
            <Told text={name} /> at <Code text={origin} />: {stateOf(problem)}
          </li>
        ))}
      </ul>
      <Facts
        of={[
          [`store (${store.kind})`, stateOf(store.problem)],
          ["not kept by it", plural(store.lostWrites, "write")],
          ["divergence log", <Code text={log.file} />],
          ["its state", stateOf(log.problem)],
          ["lines lost", spellCount(log.lostLines)],
          [
            "whole exchanges",
            <>
              {spellCount(pairs.kept)}, <Used name="Pairs" used={pairs.bytes} limit={pairs.limitBytes} />
            </>,
          ],
          [
            "not kept whole",
            notKept.length === 0 ? "none" : notKept.map(([why, count]) => `${spellCount(count)} ${why}`).join(", "),
          ],
          [
            "workers",
            workers.wanted === 0
              ? "none, one process"
              : `${workers.running} of ${workers.wanted}, ${workers.replaced} replaced`,
          ],
          ["config", <Told text={`${config.file ?? "flags alone"}, revision ${config.revision}`} />],
        ]}
      />
      {config.error !== null && (
        <Notice tone="bad">
          The newest config was refused: <Told text={config.error} />
        </Notice>
      )}
      {webhook !== null && (
        <p>
          Webhook at <Code text={webhook.origin} />: {spellCount(webhook.delivered)} delivered,{" "}
          {spellCount(webhook.failed)} failed, {spellCount(webhook.dropped)} dropped. {stateOf(webhook.problem)}
        </p>
      )}
    </Section>
  );
}

function SwitchSection({ status }: { readonly status: StatusView }): JSX.Element {
  const doing = useDoing<unknown>();
  const [reason, setReason] = useState("");
  const { killSwitch, mirroring } = status;
  const put = (event: Event): void => {
    event.preventDefault();
    const said = reason.trim() === "" ? {} : { reason: reason.trim() };
    doing.run(async () => {
      const done = await change<unknown>("POST", "/api/v1/mirror", { enabled: !mirroring, ...said });
      setReason("");
      return done;
    });
  };
  return (
    <Section id="switch" title="The kill switch">
      {killSwitch === null ? (
        <p>
          Mirroring is on, as file and overrides say. Off, nothing is mirrored on any route; clients notice nothing of
          it.
        </p>
      ) : (
        <Notice tone="bad">
          Mirroring is off, by <Told text={killSwitch.by} />, <When at={killSwitch.at} />
          {killSwitch.reason !== null && (
            <>
              : <Told text={killSwitch.reason} />
            </>
          )}
        </Notice>
      )}
      <form class="fields" onSubmit={put}>
        <ReasonField value={reason} onInput={setReason} required={false} />
        <button type="submit" class={mirroring ? "danger" : "primary"} disabled={doing.busy}>
          {mirroring ? "Switch all mirroring off" : "Switch mirroring on"}
        </button>
      </form>
      <Problem of={doing.problem} what="Not changed" />
    </Section>
  );
}
