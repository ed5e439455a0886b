import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { ask, Refused } from "../client.ts";
import { useAsk } from "../state.tsx";
import { Problem } from "./notice.tsx";

interface Page<T> {
  readonly items: readonly T[];
  readonly next: string | null;
}

export interface Listed<T> {
  /** null: not known yet. */
  readonly items: readonly T[] | null;
  readonly foot: JSX.Element;
}

/** A list of the API: its first page as it is now, and further ones as they are asked for. `path` has a `?`. */
export function useList<T>(path: string, everyMs = 5_000): Listed<T> {
  const first = useAsk<Page<T>>(path, everyMs);
  const [further, setFurther] = useState<{ items: readonly T[]; next: string | null } | null>(null);
  const [problem, setProblem] = useState<Refused | null>(null);
  useEffect(() => setFurther(null), [path]);
  const next = further === null ? (first.value?.next ?? null) : further.next;
  const more = (): void => {
    if (next === null) return;
    ask<Page<T>>(`${path}&cursor=${encodeURIComponent(next)}`).then(
      (page) => setFurther({ items: [...(further?.items ?? []), ...page.items], next: page.next }),
      (error: unknown) => setProblem(error instanceof Refused ? error : new Refused(0, String(error))),
    );
  };
  const items = first.value === null ? null : [...first.value.items, ...(further?.items ?? [])];
  const foot = (
    <>
      <Problem of={first.problem ?? problem} what="The list is not to be had now" />
      {next !== null && (
        <button type="button" onClick={more}>
          More
        </button>
      )}
    </>
  );
  return { items, foot };
}
