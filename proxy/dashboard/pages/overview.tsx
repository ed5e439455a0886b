import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { hasOpenCause, worstFirst } from "../../admin/route-status.ts";
import { plural, spellSpan } from "../../admin/sentences.ts";
import type { StatusView } from "../../admin/status-view.ts";
import type { RunningJobRecord } from "../../rows/running-job.ts";
import { spellPlace } from "../address.ts";
import { CauseList, useOpenCauses } from "../parts/cause-list.tsx";
import { Mark, Notice, Problem, type Tone } from "../parts/notice.tsx";
import { RunningJobs } from "../parts/running-jobs.tsx";
import { RoutesTable } from "../parts/routes-table.tsx";
import { Section } from "../parts/section.tsx";
import { Told, When } from "../parts/text.tsx";
import { useLive } from "../state.tsx";

const WARNINGS_SHOWN = 5;

export function Overview(): JSX.Element {
  const { status } = useLive();
  if (status === null) return <h1>Asking Crossfade how things are</h1>;
  return (
    <>
      <Headline status={status} />
      <Warnings warnings={status.warnings} />
      <div class="columns">
        <Section id="routes" title="Routes">
          <RoutesTable routes={worstFirst(status.routes)} />
          {status.jobs.length > 0 && <OpenJobs jobs={status.jobs} now={Date.parse(status.time)} />}
        </Section>
        <OpenCauses now={Date.parse(status.time)} />
      </div>
    </>
  );
}

function toneOf(status: StatusView): Tone {
  if (!status.ready || !status.mirroring || status.routes.some(hasOpenCause)) return "bad";
  return status.warnings.length > 0 || status.routes.every((route) => route.eligible === 0) ? "warn" : "good";
}

function Headline({ status }: { readonly status: StatusView }): JSX.Element {
  const tone = toneOf(status);
  const { config, members, store } = status;
  return (
    <div class={`headline tone-${tone}`}>
      <Mark tone={tone} />
      <div>
        <h1>
          <Told text={status.summary} />
        </h1>
        <p class="quiet">
          Crossfade {status.version}, as of <When at={status.time} />, up{" "}
          {spellSpan(Date.parse(status.time) - Date.parse(status.startedAt))}. Config:{" "}
          <Told text={config.file?.split(/[/\\]/).at(-1) ?? "flags alone"} />, revision {config.revision}. Store:{" "}
          {store.kind}
          {members.length > 1 && <>, shared by {plural(members.length, "member")}</>}.
        </p>
      </div>
    </div>
  );
}

function Warnings({ warnings }: { readonly warnings: readonly string[] }): JSX.Element {
  const [all, setAll] = useState(false);
  if (warnings.length === 0) return <p class="quiet">No warnings.</p>;
  const shown = all ? warnings : warnings.slice(0, WARNINGS_SHOWN);
  return (
    <Section id="warnings" title={plural(warnings.length, "warning")}>
      <ul class="plain">
        {shown.map((warning) => (
          <li key={warning}>
            <Notice tone="warn">
              <Told text={warning} />
            </Notice>
          </li>
        ))}
      </ul>
      {warnings.length > WARNINGS_SHOWN && (
        <button type="button" class="link" aria-expanded={all} onClick={() => setAll(!all)}>
          {all ? "Fewer" : `All ${warnings.length}`}
        </button>
      )}
    </Section>
  );
}

function OpenCauses({ now }: { readonly now: number }): JSX.Element {
  const { causes, problem } = useOpenCauses("");
  return (
    <Section id="causes" title="What differs, by cause" aside={<a href={spellPlace("causes")}>All causes</a>}>
      <Problem of={problem} what="Causes are not to be had now" />
      {causes !== null && (causes.length === 0 ? <p>Nothing is open.</p> : <CauseList causes={causes} now={now} />)}
    </Section>
  );
}

/** What brings rows over, or compares them, now. */
function OpenJobs({ jobs, now }: { readonly jobs: readonly RunningJobRecord[]; readonly now: number }): JSX.Element {
  return (
    <div id="open-jobs">
      <RunningJobs jobs={jobs} now={now} onChanged={() => undefined} />
    </div>
  );
}
