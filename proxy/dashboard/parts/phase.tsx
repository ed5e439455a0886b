/** The five phases, where the route stands, and its moves: what each would do is asked before it is done. */
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { RouteStatus } from "../../admin/route-status.ts";
import { plural, spellSpan } from "../../admin/sentences.ts";
import type { Phase } from "../../config/settings.ts";
import type { MoveCheck, MoveReport } from "../../moves/phase-move.ts";
import { MOVES, type Step } from "../../moves/phase-steps.ts";
import { change, type Refused } from "../client.ts";
import { useDoing } from "../state.tsx";
import { Mark, Notice, Problem, type Tone } from "./notice.tsx";
import { ReasonField } from "./reason.tsx";
import { Section } from "./section.tsx";
import { Told } from "./text.tsx";

const PHASES: readonly (readonly [phase: Phase, what: string])[] = [
  ["legacy-only", "legacy alone"],
  ["dual-write", "legacy answers, next gets copies"],
  ["backfilling", "the same, while rows are copied"],
  ["next-primary", "next answers, legacy gets copies"],
  ["next-only", "next alone"],
];

export function PhaseSection({
  route,
  onMoved,
}: {
  readonly route: RouteStatus;
  readonly onMoved: () => void;
}): JSX.Element {
  const [asked, setAsked] = useState<Step | "unpin" | null>(null);
  const moves: Partial<Record<Step, Phase>> = MOVES[route.phase];
  const { rollback } = route;
  return (
    <Section id="phase" title="Phase">
      <ol class="stepper">
        {PHASES.map(([phase, what]) => (
          <li key={phase} aria-current={phase === route.phase ? "step" : undefined}>
            <strong>{phase}</strong> <span class="quiet">{what}</span>
          </li>
        ))}
      </ol>
      {route.phase !== route.wanted && (
        <Notice tone="warn">
          The config says {route.wanted}; what was moved here holds until the config's value changes.
        </Notice>
      )}
      {rollback !== null && (
        <p>
          The way back: <strong>{rollback.price === "keys" ? "some keys first" : rollback.price}</strong>.{" "}
          <Told text={rollback.text} />
        </p>
      )}
      <div class="fields">
        {moves.advance !== undefined && (
          <button type="button" onClick={() => setAsked("advance")}>
            Advance to {moves.advance} …
          </button>
        )}
        {moves.rollback !== undefined && (
          <button type="button" onClick={() => setAsked("rollback")}>
            Roll back to {moves.rollback} …
          </button>
        )}
        {route.phase !== route.wanted && (
          <button type="button" onClick={() => setAsked("unpin")}>
            As the config says …
          </button>
        )}
      </div>
      {asked !== null && (
        <MoveDialog route={route.name} step={asked} onClose={() => setAsked(null)} onMoved={onMoved} />
      )}
    </Section>
  );
}

/** The report comes with a refusal too. */
function reportOf(problem: Refused | null): MoveReport | null {
  const report = problem?.members["report"];
  return typeof report === "object" && report !== null ? (report as MoveReport) : null;
}

function MoveDialog({
  route,
  step,
  onClose,
  onMoved,
}: {
  readonly route: string;
  readonly step: Step | "unpin";
  readonly onClose: () => void;
  readonly onMoved: () => void;
}): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  const dry = useDoing<MoveReport>();
  const move = useDoing<MoveReport>();
  const [force, setForce] = useState(false);
  const [reason, setReason] = useState("");
  const path = `/api/v1/routes/${encodeURIComponent(route)}/phase`;
  useEffect(() => {
    dialog.current?.showModal();
    dry.run(() => change<MoveReport>("POST", path, { step, dryRun: true }));
  }, [path, step]);
  const report = move.done ?? reportOf(move.problem) ?? dry.done;
  const ended = move.done !== null;
  const missing = report?.checks.some(({ state }) => state === "missing") === true;
  const go = (event: Event): void => {
    event.preventDefault();
    move.run(async () => {
      const body = { step, ...(reason.trim() === "" ? {} : { reason: reason.trim() }), ...(force ? { force } : {}) };
      const moved = await change<MoveReport>("POST", path, body);
      onMoved();
      return moved;
    });
  };
  return (
    <dialog ref={dialog} aria-labelledby="move-title" onClose={onClose}>
      <h2 id="move-title">
        {ended ? "Moved" : "What this move would do"}: <Told text={route} />
      </h2>
      <Problem of={dry.problem} what="The dry run was refused" />
      {report === null && dry.busy && <p role="status">Looking at everything, changing nothing …</p>}
      {report !== null && <Report report={report} />}
      {report !== null && !ended && (
        <form onSubmit={go}>
          <ReasonField value={reason} onInput={setReason} required={force} />
          {missing && (
            <label class="check">
              <input type="checkbox" checked={force} onChange={(event) => setForce(event.currentTarget.checked)} /> Go
              on past the gate, keys on the repair list and gaps. It is kept in the audit with the reason.
            </label>
          )}
          <Problem of={move.problem} what="Not moved" />
          <div class="fields">
            <button type="submit" class={force ? "danger" : "primary"} disabled={move.busy || (missing && !force)}>
              {move.busy ? "Moving …" : `${force ? "Force: " : ""}${report.from} → ${report.to}`}
            </button>
            <button type="button" onClick={() => dialog.current?.close()}>
              Leave it as it is
            </button>
          </div>
        </form>
      )}
      {(ended || report === null) && (
        <button type="button" onClick={() => dialog.current?.close()}>
          Close
        </button>
      )}
    </dialog>
  );
}

const TONES: Readonly<Record<MoveCheck["state"], Tone>> = { met: "good", missing: "bad", forced: "warn" };

function Report({ report }: { readonly report: MoveReport }): JSX.Element {
  const { end, sentence, routes, from, to, crosses, checks, pauseMs, estimatedPauseMs, refusedWrites } = report;
  const good = end === "moved" || end === "would-move";
  return (
    <div role="status">
      <Notice tone={good ? "good" : "bad"}>
        <strong>
          <Told text={sentence} />
        </strong>
      </Notice>
      <ul class="consequences">
        <li>
          {from} → {to}
          {routes.length > 1 && <>, for all of {routes.join(", ")}: they move together</>}
        </li>
        <li>{consequenceOf(from, to)}</li>
        {crosses && estimatedPauseMs !== null && (
          <li>New writes wait for those under way, by the present lag about {spellSpan(estimatedPauseMs)}.</li>
        )}
        {pauseMs !== null && <li>Writes were held back for {spellSpan(pauseMs)}.</li>}
        {refusedWrites > 0 && <li>{plural(refusedWrites, "write")} got 503 and went nowhere.</li>}
      </ul>
      <ul class="plain checks">
        {checks.map(({ name, state, text }) => (
          <li key={name}>
            <Mark tone={TONES[state]} />
            <span>
              <span class="check-name">
                {name}, {state}:
              </span>{" "}
              <Told text={text} />
            </span>
          </li>
        ))}
      </ul>
    </div>
  );
}

const CONSEQUENCES: Readonly<Record<Phase, string>> = {
  "legacy-only": "Legacy answers, and next gets no more copies: from the first missed write on it is out of date.",
  "dual-write": "Legacy answers clients, and next gets a copy of each accepted write.",
  backfilling: "Legacy answers clients, next gets copies while rows are copied.",
  "next-primary": "Next answers clients from then on, and legacy gets a copy of each accepted write.",
  "next-only": "Next answers clients, and legacy gets no more copies: the way back gets dearer with every write.",
};

function consequenceOf(from: Phase, to: Phase): string {
  if (to === "dual-write" && from === "next-primary") return `${CONSEQUENCES[to]} It is the way back over the barrier.`;
  return CONSEQUENCES[to];
}
