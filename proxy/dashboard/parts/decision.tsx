import type { JSX } from "preact";
import { useId, useState } from "preact/hooks";
import type { GroupRecord } from "../../evidence/evidence.ts";
import { change } from "../client.ts";
import { useDoing } from "../state.tsx";
import { Notice, Problem } from "./notice.tsx";
import { ReasonField } from "./reason.tsx";
import { Section } from "./section.tsx";
import { Told, When } from "./text.tsx";

/** What is known of a cause: said once, and status is loud about the others only. */
export function DecisionSection({
  cause,
  onDecided,
}: {
  readonly cause: GroupRecord;
  readonly onDecided: () => void;
}): JSX.Element {
  const doing = useDoing<GroupRecord>();
  const [reason, setReason] = useState("");
  const [until, setUntil] = useState("");
  const [thisBuild, setThisBuild] = useState(false);
  const id = useId();
  const { decision, state, lastBuild } = cause;
  const say = (body: Readonly<Record<string, unknown>>): void =>
    doing.run(async () => {
      const changed = await change<GroupRecord>("PATCH", `/api/v1/groups/${encodeURIComponent(cause.id)}`, body);
      setReason("");
      onDecided();
      return changed;
    });
  const why = reason.trim() === "" ? {} : { reason: reason.trim() };
  const acknowledge = (event: Event): void => {
    event.preventDefault();
    const bounds = {
      ...(until === "" ? {} : { until }),
      ...(thisBuild && lastBuild !== null ? { build: lastBuild } : {}),
    };
    say({ state: "acknowledged", ...why, ...bounds });
  };
  return (
    <Section id="decision" title="What is known of it">
      {decision === null ? (
        <p>Nobody has said anything yet.</p>
      ) : (
        <Notice tone={state === "regressed" ? "bad" : "mild"}>
          {decision.state} by <Told text={decision.by} />, <When at={decision.at} />
          {decision.until !== null && (
            <>
              , until <When at={decision.until} />
            </>
          )}
          {decision.build !== null && (
            <>
              , for build <Told text={decision.build} />
            </>
          )}
          {decision.reason !== null && (
            <>
              : <Told text={decision.reason} />
            </>
          )}
          {state === "regressed" && ". It came back since."}
        </Notice>
      )}
      <form onSubmit={acknowledge}>
        <div class="fields">
          <ReasonField value={reason} onInput={setReason} required />
          <div>
            <label for={`${id}-until`}>Until (may be left out)</label>
            <input
              id={`${id}-until`}
              type="date"
              value={until}
              onInput={(event) => setUntil(event.currentTarget.value)}
            />
          </div>
          {lastBuild !== null && (
            <label class="check">
              <input
                type="checkbox"
                checked={thisBuild}
                onChange={(event) => setThisBuild(event.currentTarget.checked)}
              />
              only for build <Told text={lastBuild} />
            </label>
          )}
        </div>
        <div class="fields">
          <button type="submit" class="primary" disabled={doing.busy}>
            Acknowledge
          </button>
          <button type="button" disabled={doing.busy} onClick={() => say({ state: "fixed", ...why })}>
            It is fixed
          </button>
          {(state === "acknowledged" || state === "fixed") && (
            <button type="button" disabled={doing.busy} onClick={() => say({ state: "new", ...why })}>
              Open it again
            </button>
          )}
        </div>
      </form>
      <Problem of={doing.problem} what="Not changed" />
      <p role="status">{doing.done !== null && `It is ${doing.done.state} now.`}</p>
    </Section>
  );
}
