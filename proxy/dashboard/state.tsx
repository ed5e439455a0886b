/** What pages ask for: the live status, the place that is shown, and answers of the API that are asked again. */
import { createContext } from "preact";
import { useCallback, useContext, useEffect, useLayoutEffect, useState } from "preact/hooks";
import { readPlace, type Place } from "./address.ts";
import { ask, Refused } from "./client.ts";
import { type LiveState, LiveStatus } from "./live.ts";

export const Live = createContext<LiveStatus>(new LiveStatus());

export function useLive(): LiveState {
  const live = useContext(Live);
  const [state, setState] = useState(live.state);
  useEffect(() => {
    setState(live.state);
    return live.subscribe(setState);
  }, [live]);
  return state;
}

export function usePlace(): Place {
  const [place, setPlace] = useState(() => readPlace(location.hash));
  // Before the page is painted, and looked at once more: a link may be followed that early.
  useLayoutEffect(() => {
    const look = (): void => setPlace(readPlace(location.hash));
    look();
    window.addEventListener("hashchange", look);
    return () => window.removeEventListener("hashchange", look);
  }, []);
  return place;
}

export interface Answer<T> {
  /** The last one that came; null: none yet, or the path is another one now. */
  readonly value: T | null;
  /** Why the last question was not answered; null: it was, or there was none. */
  readonly problem: Refused | null;
  readonly again: () => void;
  /** Neither is there yet. */
  readonly asked: boolean;
}

/** `path` null: nothing is asked. Asked again every `everyMs` while the page is looked at. */
export function useAsk<T>(path: string | null, everyMs = 5_000): Answer<T> {
  const [state, setState] = useState<{ path: string | null; value: T | null; problem: Refused | null }>({
    path: null,
    value: null,
    problem: null,
  });
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    if (path === null) return undefined;
    const ending = new AbortController();
    const { signal } = ending;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const look = async (): Promise<void> => {
      try {
        const value = document.hidden ? null : await ask<T>(path, signal);
        if (!signal.aborted && value !== null) setState({ path, value, problem: null });
      } catch (error) {
        if (signal.aborted) return;
        const problem = error instanceof Refused ? error : new Refused(0, String(error));
        setState((before) => ({ path, value: before.path === path ? before.value : null, problem }));
      }
      if (!signal.aborted) timer = setTimeout(() => void look(), everyMs);
    };
    void look();
    return () => {
      clearTimeout(timer);
      ending.abort();
    };
  }, [path, everyMs, turn]);
  const again = useCallback(() => setTurn((before) => before + 1), []);
  const current = state.path === path;
  const asked = path !== null && !current;
  return { value: current ? state.value : null, problem: current ? state.problem : null, asked, again };
}

/** Something that is done once asked for: what came of it, or why not. */
export interface Doing<T> {
  readonly busy: boolean;
  readonly done: T | null;
  readonly problem: Refused | null;
  readonly run: (work: () => Promise<T>) => void;
  readonly clear: () => void;
}

export function useDoing<T>(): Doing<T> {
  const [state, setState] = useState<{ busy: boolean; done: T | null; problem: Refused | null }>({
    busy: false,
    done: null,
    problem: null,
  });
  const run = useCallback((work: () => Promise<T>) => {
    setState({ busy: true, done: null, problem: null });
    work().then(
      (done) => setState({ busy: false, done, problem: null }),
      (error: unknown) => {
        const problem = error instanceof Refused ? error : new Refused(0, String(error));
        setState({ busy: false, done: null, problem });
      },
    );
  }, []);
  const clear = useCallback(() => setState({ busy: false, done: null, problem: null }), []);
  return { ...state, run, clear };
}
