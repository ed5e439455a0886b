import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { tellComparisons } from "../../admin/collection-sentences.ts";
import { plural, spellCount } from "../../admin/sentences.ts";
import type { GapRecord, RepairRecord } from "../../evidence/evidence.ts";
import { printable } from "../../controls.ts";
import { type JobRecord, REPAIR_RESULTS } from "../../repair-job.ts";
import { spellPlace } from "../address.ts";
import type { RunningJobRecord } from "../../rows/running-job.ts";
import { change } from "../client.ts";
import { RunningJobs } from "../parts/running-jobs.tsx";
import { useList } from "../parts/more.tsx";
import { Badge, Notice, Problem } from "../parts/notice.tsx";
import { ReasonField } from "../parts/reason.tsx";
import { GapsTable, RepairsTable } from "../parts/repairs-table.tsx";
import { Section } from "../parts/section.tsx";
import { Told, When } from "../parts/text.tsx";
import { useAsk, useDoing, useLive } from "../state.tsx";

export function RepairsPage({ query }: { readonly query: Readonly<Record<string, string>> }): JSX.Element {
  const { route = "" } = query;
  const { status } = useLive();
  const now = status === null ? Date.now() : Date.parse(status.time);
  const of = route === "" ? "" : `&route=${encodeURIComponent(route)}`;
  const repairs = useList<RepairRecord>(`/api/v1/repairs?limit=100${of}`);
  const gaps = useList<GapRecord>(`/api/v1/gaps?limit=100${of}`);
  const jobs = useAsk<{ items: readonly (JobRecord | RunningJobRecord)[] }>("/api/v1/jobs", 2_000);
  const all = jobs.value?.items ?? [];
  const runs = all.filter((job) => job.kind === "repair");
  const runningJobs = all.filter((job) => job.kind !== "repair");
  return (
    <>
      <h1>Repairs and gaps</h1>
      <div class="fields">
        <div>
          <label for="r-route">route</label>
          <select
            id="r-route"
            value={route}
            onChange={(event) => (location.hash = spellPlace("repairs", "", { route: event.currentTarget.value }))}
          >
            <option value="">any</option>
            {status?.routes.map(({ name }) => (
              <option key={name} value={name}>
                {printable(name)}
              </option>
            ))}
          </select>
        </div>
      </div>
      <RunSection route={route} onStarted={jobs.again} />
      <Section id="jobs" title="Runs since the process began">
        <Problem of={jobs.problem} what="Runs are not to be had now" />
        {jobs.value !== null && runs.length === 0 && <p>None.</p>}
        {runs.map((job) => (
          <Job key={job.id} job={job} now={now} onChanged={jobs.again} />
        ))}
      </Section>
      {runningJobs.length > 0 && (
        <Section id="running-jobs" title="Backfills and comparisons of rows">
          <RunningJobs jobs={runningJobs} now={now} onChanged={jobs.again} />
        </Section>
      )}
      {status !== null && status.collections.length > 0 && (
        <Section id="compared-rows" title="Rows, compared">
          {status.collections.map((of) => {
            const { text, isBad } = tellComparisons(of, now);
            return (
              <Notice key={of.name} tone={isBad ? "bad" : text === "" ? "none" : "good"}>
                <Told text={`${of.name}: ${text || "never"}`} />
              </Notice>
            );
          })}
        </Section>
      )}
      <Section id="list" title="Keys that are not known to be equal on both sides">
        {repairs.items !== null && <RepairsTable repairs={repairs.items} now={now} />}
        {repairs.foot}
      </Section>
      <Section id="gaps" title="Gaps: when even that may be incomplete">
        {gaps.items !== null && <GapsTable gaps={gaps.items} now={now} />}
        {gaps.foot}
      </Section>
    </>
  );
}

function RunSection({ route, onStarted }: { readonly route: string; readonly onStarted: () => void }): JSX.Element {
  const doing = useDoing<JobRecord>();
  const [sure, setSure] = useState(false);
  const [reason, setReason] = useState("");
  const run = (dryRun: boolean): void =>
    doing.run(async () => {
      const job = await change<JobRecord>("POST", "/api/v1/repairs/run", {
        dryRun,
        ...(route === "" ? {} : { route }),
        ...(reason.trim() === "" ? {} : { reason: reason.trim() }),
      });
      setSure(false);
      setReason("");
      onStarted();
      return job;
    });
  const all = route === "" ? "all routes" : route;
  return (
    <Section id="run" title={`Repair ${all}`}>
      <p>
        Each key is read on both services and the shadow is made equal. A dry run reads and compares, and writes
        nothing.
      </p>
      <div class="fields">
        <ReasonField value={reason} onInput={setReason} required={false} />
        <button type="button" disabled={doing.busy} onClick={() => run(true)}>
          Dry run
        </button>
        <label class="check">
          <input type="checkbox" checked={sure} onChange={(event) => setSure(event.currentTarget.checked)} /> it may
          write to the shadow
        </label>
        <button type="button" class="danger" disabled={doing.busy || !sure} onClick={() => run(false)}>
          Repair now
        </button>
      </div>
      <Problem of={doing.problem} what="Not started" />
    </Section>
  );
}

const FINDINGS_SHOWN = 20;

function Job({
  job,
  now,
  onChanged,
}: {
  readonly job: JobRecord;
  readonly now: number;
  readonly onChanged: () => void;
}): JSX.Element {
  const doing = useDoing<JobRecord>();
  const { id, state, dryRun, route, by, startedAt, total, done, results, findings, error } = job;
  const told = REPAIR_RESULTS.filter((result) => results[result] > 0).map(
    (result) => `${spellCount(results[result])} ${result}`,
  );
  const cancel = (): void =>
    doing.run(async () => {
      const cancelled = await change<JobRecord>("PATCH", `/api/v1/jobs/${encodeURIComponent(id)}`, {
        state: "cancelled",
      });
      onChanged();
      return cancelled;
    });
  return (
    <article class="job">
      <h3>
        {dryRun ? "Dry run" : "Repair"} of <Told text={route ?? "all routes"} />{" "}
        <Badge tone={state === "failed" ? "bad" : state === "running" ? "warn" : "mild"}>{state}</Badge>
      </h3>
      <progress aria-label={`Keys of ${id}`} max={Math.max(1, total)} value={total === 0 ? 1 : done} />
      <p>
        {spellCount(done)} of {plural(total, "key")}
        {told.length > 0 && <>: {told.join(", ")}</>}. By <Told text={by} />, <When at={startedAt} now={now} />.
      </p>
      {error !== null && (
        <p class="tone-bad">
          <Told text={error} />
        </p>
      )}
      {state === "running" && (
        <button type="button" disabled={doing.busy} onClick={cancel}>
          Cancel
        </button>
      )}
      <Problem of={doing.problem} what="Not cancelled" />
      {findings.length > 0 && (
        <details>
          <summary>What was found</summary>
          <ul>
            {findings.slice(0, FINDINGS_SHOWN).map(({ key, route: of, result, would, why }) => (
              <li key={`${of} ${key ?? ""}`}>
                <Told
                  text={`${key ?? `all of ${of}`}: ${result}${would === null ? "" : `, would ${would}`}${why === null ? "" : `, ${why}`}`}
                />
              </li>
            ))}
          </ul>
          {findings.length > FINDINGS_SHOWN && <p class="quiet">And {findings.length - FINDINGS_SHOWN} more.</p>}
        </details>
      )}
    </article>
  );
}
