import type { JSX } from "preact";
import { progressText, type RunningJobRecord, type RunningJobState } from "../../rows/running-job.ts";
import { change } from "../client.ts";
import { useDoing } from "../state.tsx";
import { Badge, Problem, type Tone } from "./notice.tsx";
import { Told, When } from "./text.tsx";

const TONES: Readonly<Record<RunningJobState, Tone | "mild">> = {
  running: "warn",
  paused: "warn",
  silent: "bad",
  done: "mild",
  stopped: "mild",
  failed: "bad",
};

/** Jobs over rows, each with its bar. `onChanged`: something was asked of one. */
export function RunningJobs({
  jobs,
  now,
  onChanged,
}: {
  readonly jobs: readonly RunningJobRecord[];
  readonly now: number;
  readonly onChanged: () => void;
}): JSX.Element {
  return (
    <>
      {jobs.map((job) => (
        <RunningJob key={job.id} job={job} now={now} onChanged={onChanged} />
      ))}
    </>
  );
}

function RunningJob({
  job,
  now,
  onChanged,
}: {
  readonly job: RunningJobRecord;
  readonly now: number;
  readonly onChanged: () => void;
}): JSX.Element {
  const { id, kind, collection, dryRun, state, rows, estimate, by, startedAt, heardAt, waiting, error, wanted } = job;
  const isOver = job.end !== null;
  const max = isOver ? Math.max(1, rows) : Math.max(1, rows, estimate ?? 0);
  return (
    <article class="job">
      <h3>
        {kind === "backfill" ? "Backfill" : "Comparison"} of <Told text={collection} />
        {dryRun && ", a dry run"} <Badge tone={TONES[state]}>{state}</Badge>
      </h3>
      <progress aria-label={`Rows of ${kind} ${id}`} max={max} value={state === "done" ? max : rows} />
      <p>
        {progressText(kind, job)}. By <Told text={by} />, <When at={startedAt} now={now} />
        {state === "silent" && (
          <>
            ; nothing was heard of it since <When at={heardAt} now={now} />
          </>
        )}
        .
      </p>
      {waiting !== null && (
        <p>
          It waits: <Told text={waiting} />.
        </p>
      )}
      {error !== null && (
        <p class="tone-bad">
          <Told text={error} />
        </p>
      )}
      {kind === "backfill" && !isOver && <Controls id={id} isPaused={wanted !== null} onChanged={onChanged} />}
    </article>
  );
}

function Controls({
  id,
  isPaused,
  onChanged,
}: {
  readonly id: string;
  readonly isPaused: boolean;
  readonly onChanged: () => void;
}): JSX.Element {
  const doing = useDoing<RunningJobRecord>();
  const become = (state: "paused" | "running" | "cancelled") => (): void =>
    doing.run(async () => {
      const changed = await change<RunningJobRecord>("PATCH", `/api/v1/jobs/${encodeURIComponent(id)}`, { state });
      onChanged();
      return changed;
    });
  return (
    <div class="fields">
      <button type="button" disabled={doing.busy} onClick={become(isPaused ? "running" : "paused")}>
        {isPaused ? "Go on" : "Pause"}
      </button>
      <button type="button" disabled={doing.busy} onClick={become("cancelled")}>
        Stop after this chunk
      </button>
      <Problem of={doing.problem} what="Not changed" />
    </div>
  );
}
