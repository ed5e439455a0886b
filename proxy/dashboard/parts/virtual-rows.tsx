/**
 * A long list of which only what can be seen is in the document, so that 100,000 lines are as smooth as ten. For the keyboard
 * it is one stop: arrows, Page Up and Down, Home and End move within it, Enter opens.
 */
import type { JSX } from "preact";
import { useEffect, useId, useLayoutEffect, useRef, useState } from "preact/hooks";

/** Rows beyond both edges, so that a quick wheel does not outrun them. */
const BEYOND = 8;

export interface VirtualRowsProps {
  readonly label: string;
  readonly head: readonly string[];
  readonly count: number;
  /** Lines that were put before all others so far: whoever reads further down stays where they are. */
  readonly added: number;
  /** In rem. */
  readonly rowHeight: number;
  /** The cells of a row, each with the role gridcell; null where there is none any more. */
  readonly cells: (i: number) => JSX.Element | null;
  readonly keyOf: (i: number) => string;
  readonly selected: string | null;
  readonly onOpen: (i: number) => void;
  /** The end of the list is near. */
  readonly onEnd: () => void;
}

export function VirtualRows(props: VirtualRowsProps): JSX.Element {
  const { label, head, count, added, rowHeight, cells, keyOf, selected, onOpen, onEnd } = props;
  const box = useRef<HTMLDivElement>(null);
  const heads = useRef<HTMLDivElement>(null);
  const id = useId();
  const height = useRowPx(rowHeight);
  const [view, setView] = useState({ top: 0, px: 600 });
  const [active, setActive] = useState(0);
  const seenAdded = useRef(added);

  useEffect(() => {
    const element = box.current;
    if (element === null) return undefined;
    // The head stays at the top, over what scrolls.
    const look = (): void =>
      setView({ top: element.scrollTop, px: element.clientHeight - (heads.current?.offsetHeight ?? 0) });
    const resized = new ResizeObserver(look);
    resized.observe(element);
    element.addEventListener("scroll", look, { passive: true });
    return () => {
      resized.disconnect();
      element.removeEventListener("scroll", look);
    };
  }, []);

  useLayoutEffect(() => {
    const more = added - seenAdded.current;
    seenAdded.current = added;
    const element = box.current;
    if (more === 0 || element === null) return;
    // At the top one sees what comes; further down one reads.
    if (element.scrollTop > 0) element.scrollTop += more * height;
    if (active > 0) setActive(Math.min(count - 1, active + more));
  }, [added, height]);

  const first = Math.max(0, Math.floor(view.top / height) - BEYOND);
  const last = Math.min(count, Math.ceil((view.top + view.px) / height) + BEYOND);
  useEffect(() => {
    if (count > 0 && last >= count - BEYOND) onEnd();
  }, [last, count, onEnd]);

  const moveTo = (i: number): void => {
    const to = Math.max(0, Math.min(count - 1, i));
    setActive(to);
    const element = box.current;
    if (element === null) return;
    if (to * height < element.scrollTop) element.scrollTop = to * height;
    else if ((to + 1) * height > element.scrollTop + view.px) element.scrollTop = (to + 1) * height - view.px;
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const page = Math.max(1, Math.floor(view.px / height) - 1);
    const moves: Readonly<Record<string, number>> = {
      ArrowDown: active + 1,
      ArrowUp: active - 1,
      PageDown: active + page,
      PageUp: active - page,
      Home: 0,
      End: count - 1,
    };
    const to = moves[event.key];
    if (to !== undefined) moveTo(to);
    else if (event.key === "Enter" && count > 0) onOpen(active);
    else return;
    event.preventDefault();
  };

  // Elements are used again for other rows rather than made anew: at most so many are there at once.
  const slots = Math.ceil(view.px / height) + 2 * BEYOND + 2;
  const rows: JSX.Element[] = [];
  for (let i = first; i < last; i += 1) {
    const key = keyOf(i);
    rows.push(
      <div
        key={i % slots}
        id={`${id}-${i}`}
        role="row"
        aria-rowindex={i + 2}
        aria-selected={key === selected}
        class={`vrow${i === active ? " is-active" : ""}`}
        style={{ transform: `translateY(${i * height}px)`, height: `${height}px` }}
        onClick={() => {
          setActive(i);
          onOpen(i);
        }}
      >
        {cells(i)}
      </div>,
    );
  }
  const shown = active >= first && active < last && count > 0;
  return (
    <div
      role="grid"
      aria-label={label}
      aria-rowcount={count + 1}
      class="vbox"
      ref={box}
      tabIndex={0}
      aria-activedescendant={shown ? `${id}-${active}` : undefined}
      onKeyDown={onKeyDown}
    >
      <div role="rowgroup" class="vheads" ref={heads}>
        <div role="row" aria-rowindex={1} class="vrow vhead">
          {head.map((name) => (
            <span key={name} role="columnheader">
              {name}
            </span>
          ))}
        </div>
      </div>
      <div role="rowgroup" class="vrows" style={{ height: `${count * height}px` }}>
        {rows}
      </div>
    </div>
  );
}

function useRowPx(rem: number): number {
  const pxOf = (): number => Math.round(rem * Number.parseFloat(getComputedStyle(document.documentElement).fontSize));
  const [px, setPx] = useState(pxOf);
  useEffect(() => {
    const look = (): void => setPx(pxOf());
    look();
    window.addEventListener("resize", look);
    return () => window.removeEventListener("resize", look);
  }, [rem]);
  return px;
}
