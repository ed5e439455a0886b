import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { RouteView } from "../../admin/route-view.ts";
import { spellShare } from "../../admin/sentences.ts";
import { change } from "../client.ts";
import { useDoing } from "../state.tsx";
import { Notice, Problem } from "./notice.tsx";
import { ReasonField } from "./reason.tsx";
import { Section } from "./section.tsx";
import { Told, When } from "./text.tsx";

/** What of the route is mirrored, and what an operator has set over the file. */
export function MirrorSection({
  route,
  onChanged,
}: {
  readonly route: RouteView;
  readonly onChanged: () => void;
}): JSX.Element {
  const doing = useDoing<RouteView>();
  const [reason, setReason] = useState("");
  const pinned = route.overrides.some(({ setting }) => setting === "mirror");
  const put = (mirror: boolean | null): void =>
    doing.run(async () => {
      const said = reason.trim() === "" ? {} : { reason: reason.trim() };
      const changed = await change<RouteView>("PATCH", `/api/v1/routes/${encodeURIComponent(route.name)}`, {
        mirror,
        ...said,
      });
      setReason("");
      onChanged();
      return changed;
    });
  return (
    <Section id="mirror" title="Mirroring">
      <p>
        Writes are {route.mirror.writes && route.shadow !== null ? "mirrored" : "not mirrored"}, of reads{" "}
        {spellShare(route.mirror.readShare)}.
      </p>
      {route.overrides.map(({ setting, value, by, at, reason: why }) => (
        <Notice key={setting} tone="warn">
          {setting} is set to {String(value)} over the file by <Told text={by} />, <When at={at} />
          {why !== null && (
            <>
              : <Told text={why} />
            </>
          )}
        </Notice>
      ))}
      <form class="fields" onSubmit={(event) => event.preventDefault()}>
        <ReasonField value={reason} onInput={setReason} required={false} />
        {route.mirror.writes ? (
          <button type="button" class="danger" disabled={doing.busy} onClick={() => put(false)}>
            Stop mirroring writes
          </button>
        ) : (
          <button type="button" disabled={doing.busy} onClick={() => put(true)}>
            Mirror writes
          </button>
        )}
        {pinned && (
          <button type="button" disabled={doing.busy} onClick={() => put(null)}>
            As the file says
          </button>
        )}
      </form>
      {route.mirror.writes && (
        <p class="quiet">
          While it is stopped next misses writes, and its state is in doubt from the first one on: a gap opens.
        </p>
      )}
      <Problem of={doing.problem} what="Not changed" />
    </Section>
  );
}
