import type { ComponentChildren, JSX } from "preact";

/** A part of a page that readers of text can jump to. */
export function Section({
  id,
  title,
  aside,
  children,
}: {
  readonly id: string;
  readonly title: string;
  readonly aside?: ComponentChildren;
  readonly children: ComponentChildren;
}): JSX.Element {
  return (
    <section class="card" aria-labelledby={id}>
      <header class="card-head">
        <h2 id={id}>{title}</h2>
        {aside}
      </header>
      {children}
    </section>
  );
}

/** A table that scrolls by itself, by keyboard too, where it is wider than the page. */
export function Table({
  label,
  head,
  children,
  cards = false,
}: {
  readonly label: string;
  readonly head: readonly string[];
  readonly children: ComponentChildren;
  /** On narrow screens each row is a card, whose cells say what they are by `data-label`. */
  readonly cards?: boolean;
}): JSX.Element {
  return (
    <div class="scroller" role="region" aria-label={label} tabIndex={0}>
      {/* Roles are spelled out because styles that make cards of rows would take them away. */}
      <table class={cards ? "as-cards" : ""} role="table" aria-label={label}>
        <thead role="rowgroup">
          <tr role="row">
            {head.map((name) => (
              <th key={name} scope="col" role="columnheader">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup">{children}</tbody>
      </table>
    </div>
  );
}

export function Row({ children }: { readonly children: ComponentChildren }): JSX.Element {
  return <tr role="row">{children}</tr>;
}

export function Cell({
  label,
  children,
  wide = false,
}: {
  readonly label: string;
  readonly children: ComponentChildren;
  /** As a card, it takes the whole width. */
  readonly wide?: boolean;
}): JSX.Element {
  return (
    <td role="cell" data-label={label} class={wide ? "wide" : ""}>
      {children}
    </td>
  );
}

export function HeadCell({ children }: { readonly children: ComponentChildren }): JSX.Element {
  return (
    <th scope="row" role="rowheader" class="wide">
      {children}
    </th>
  );
}

/** Name and value, one under the other or side by side as there is room. */
export function Facts({
  of,
}: {
  readonly of: readonly (readonly [name: string, value: ComponentChildren])[];
}): JSX.Element {
  return (
    <dl class="facts">
      {of.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
