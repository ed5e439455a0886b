import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { RouteView } from "../../admin/route-view.ts";
import { plural, spellCount, spellShare } from "../../admin/sentences.ts";
import { PHASE_ROLES } from "../../moves/phases.ts";
import { change } from "../client.ts";
import { useDoing } from "../state.tsx";
import { Notice, Problem } from "./notice.tsx";
import { ReasonField } from "./reason.tsx";
import { Section } from "./section.tsx";
import { Told, When } from "./text.tsx";

type Settable = RouteView["overrides"][number]["setting"];

const WHAT: Readonly<Record<Settable, string>> = {
  mirror: "mirroring of writes",
  reads: "the mirrored share of reads",
  dial: "the share of reads that next answers",
};

/** What of the route is mirrored, what of its reads next answers, and what an operator has set over the file. */
export function MirrorSection({
  route,
  onChanged,
}: {
  readonly route: RouteView;
  readonly onChanged: () => void;
}): JSX.Element {
  const doing = useDoing<RouteView>();
  const [reason, setReason] = useState("");
  const { mirror, reads, overrides, shadow, phase, sharedDatabase } = route;
  const isMirrored = mirror.writes && shadow !== null;
  const put = (wanted: Partial<Record<Settable, boolean | string | null>>): void =>
    doing.run(async () => {
      const said = reason.trim() === "" ? {} : { reason: reason.trim() };
      const path = `/api/v1/routes/${encodeURIComponent(route.name)}`;
      const changed = await change<RouteView>("PATCH", path, { ...wanted, ...said });
      setReason("");
      onChanged();
      return changed;
    });
  const back = (): void => put(Object.fromEntries(overrides.map(({ setting }) => [setting, null])));
  return (
    <Section id="mirror" title="Mirroring and reads">
      <p>
        Writes are {isMirrored ? "mirrored" : "not mirrored"}, of reads {spellShare(mirror.readShare)}.{" "}
        {PHASE_ROLES[phase].primary === "legacy" && <Dialled route={route} />}
      </p>
      {overrides.map(({ setting, value, by, at, reason: why }) => (
        <Notice key={setting} tone="warn">
          {WHAT[setting]} is set to {spellValue(value)} over the file by <Told text={by} />, <When at={at} />
          {why !== null && (
            <>
              : <Told text={why} />
            </>
          )}
        </Notice>
      ))}
      {(shadow !== null || overrides.length > 0) && (
        <form class="fields" onSubmit={(event) => event.preventDefault()}>
          <ReasonField value={reason} onInput={setReason} required={false} />
          {shadow !== null && !sharedDatabase && (
            <button
              type="button"
              class={mirror.writes ? "danger" : ""}
              disabled={doing.busy}
              onClick={() => put({ mirror: !mirror.writes })}
            >
              {mirror.writes ? "Stop mirroring writes" : "Mirror writes"}
            </button>
          )}
          {overrides.length > 0 && (
            <button type="button" disabled={doing.busy} onClick={back}>
              As the file says
            </button>
          )}
        </form>
      )}
      {shadow !== null && (
        <ShareForm
          label="Reads that are mirrored, %"
          share={mirror.readShare}
          busy={doing.busy}
          onSet={(share) => put({ reads: share })}
        />
      )}
      {shadow !== null && PHASE_ROLES[phase].primary === "legacy" && (
        <ShareForm
          label="Reads that next answers, %"
          share={reads.dialShare}
          busy={doing.busy}
          onSet={(share) => put({ dial: share })}
        />
      )}
      {isMirrored && (
        <p class="quiet">
          While writes are not mirrored the shadow misses them, and its state is in doubt from the first one on: a gap
          opens.
        </p>
      )}
      <Problem of={doing.problem} what="Not changed" />
    </Section>
  );
}

function spellValue(value: boolean | number): string {
  if (typeof value === "number") return spellShare(value);
  return value ? "on" : "off";
}

/** How many reads next answers while legacy is the primary. */
function Dialled({ route }: { readonly route: RouteView }): JSX.Element {
  const { next, pinned, askedAgain } = route.dialledReads;
  const fell = next + pinned + askedAgain;
  return (
    <>
      Next answers {spellShare(route.reads.dialShare)} of reads
      {route.reads.by !== null && (
        <>
          , by <Told text={route.reads.by} />
        </>
      )}
      {fell > 0 && (
        <>
          : of {plural(fell, "read")} that fell to it {spellCount(next)}; legacy answered {spellCount(pinned)}, for what
          a write had pinned, and {spellCount(askedAgain)}, for want of an answer of next's
        </>
      )}
      .
    </>
  );
}

const WHOLE = 100;

/** A share as a field of percent; what is typed is kept until it is set, whatever comes meanwhile. */
function ShareForm({
  label,
  share,
  busy,
  onSet,
}: {
  readonly label: string;
  readonly share: number;
  readonly busy: boolean;
  /** As the API takes it: `5%`. */
  readonly onSet: (share: string) => void;
}): JSX.Element {
  const [typed, setTyped] = useState<string | null>(null);
  const set = (event: Event): void => {
    event.preventDefault();
    if (typed === null) return;
    onSet(`${Number(typed)}%`);
    setTyped(null);
  };
  return (
    <form class="fields" onSubmit={set}>
      <label>
        {label}
        <input
          type="number"
          min={0}
          max={WHOLE}
          step="any"
          required
          value={typed ?? Number((share * WHOLE).toFixed(4))}
          onInput={(event) => setTyped(event.currentTarget.value)}
        />
      </label>
      <button type="submit" disabled={busy || typed === null} aria-label={`Set: ${label}`}>
        Set
      </button>
    </form>
  );
}
