import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { ReplayResult, ReplayVerdict } from "../../evidence/replay-request.ts";
import { change } from "../client.ts";
import { useDoing } from "../state.tsx";
import { Notice, Problem, type Tone } from "./notice.tsx";
import { ReasonField } from "./reason.tsx";
import { Told } from "./text.tsx";

const VERDICTS: Readonly<Record<ReplayVerdict, readonly [tone: Tone, words: string]>> = {
  same: ["bad", "The same differences are still there."],
  gone: ["good", "No difference is left."],
  other: ["bad", "Other differences than then."],
  undecided: ["warn", "It differs only where a value is redacted: that cannot be decided."],
  unanswered: ["warn", "There was no complete answer, or the two could not be compared."],
};

/** The same request once more. A write that the shadow might apply twice is refused until somebody says why. */
export function ReplayPart({ id }: { readonly id: string }): JSX.Element {
  const doing = useDoing<ReplayResult>();
  const [reason, setReason] = useState("");
  const needsForce = doing.problem?.members["why"] === "needs-force";
  const send = (force: boolean): void =>
    doing.run(() => {
      const body = force ? { force, reason: reason.trim() } : {};
      return change<ReplayResult>("POST", `/api/v1/divergences/${encodeURIComponent(id)}/replay`, body);
    });
  return (
    <div class="replay">
      <button type="button" disabled={doing.busy} onClick={() => send(false)}>
        {doing.busy ? "Sending …" : "Send it once more"}
      </button>{" "}
      <span class="quiet">A read to both services, a write to the shadow alone.</span>
      <Problem of={doing.problem} what="Not sent" />
      {needsForce && (
        <form
          class="fields"
          onSubmit={(event) => {
            event.preventDefault();
            send(true);
          }}
        >
          <ReasonField value={reason} onInput={setReason} required />
          <button type="submit" class="danger">
            Send it although it may be applied twice
          </button>
        </form>
      )}
      <div role="status">
        {doing.done !== null && (
          <Notice tone={VERDICTS[doing.done.verdict][0]}>
            {VERDICTS[doing.done.verdict][1]} Sent to <Told text={doing.done.sentTo.join(" and ")} />.{" "}
            <Told
              text={doing.done.differences.map(({ at, kind }) => `${at === "" ? "(whole)" : at} ${kind}`).join(", ")}
            />
            {doing.done.error !== null && (
              <>
                {" "}
                <Told text={doing.done.error} />
              </>
            )}
          </Notice>
        )}
      </div>
    </div>
  );
}
