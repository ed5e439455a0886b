/**
 * Connections that outlast what they were routed by: those that changed their protocol, and event streams, by the route that they came by.
 * After a cutover those of the old primary are closed, a few at a time, so that their clients come again and are routed anew.
 */
import type { Identity } from "../exchange.ts";

/** tunnel: it changed its protocol. events: an answer that goes on (text/event-stream). */
export type LastingKind = "tunnel" | "events";

export interface Lasting {
  readonly route: string;
  readonly kind: LastingKind;
  /** Whom it was opened to. */
  readonly primary: Identity;
}

/** What a client holds: a socket, or a response. */
interface Held {
  once(event: "close", listener: () => void): unknown;
  destroy(): unknown;
}

/** Over so long they are closed, each at a moment of its own: their clients come back at once. */
export const CLOSED_WITHIN_MS = 10_000;

interface OpenOne extends Lasting {
  readonly held: Held;
  isToClose: boolean;
}

export class OpenTunnels {
  readonly #counts: Readonly<Record<LastingKind, Map<string, number>>> = { tunnel: new Map(), events: new Map() };
  readonly #open = new Set<OpenOne>();
  #primaryOf: (route: string) => Identity | null = () => null;
  #random: () => number = () => 0;

  /**
   * Until the connection is closed. What was asked of the old primary before a move, and is answered behind it, is closed like those
   * that were there.
   */
  opened(lasting: Lasting, held: Held): void {
    const { route, kind } = lasting;
    const one = { ...lasting, held, isToClose: false };
    this.#open.add(one);
    this.add(route, kind, 1);
    held.once("close", () => {
      this.#open.delete(one);
      this.add(route, kind, -1);
    });
    if (this.#isOld(one)) this.#closeSoon(one);
  }

  /** That changed their protocol. */
  count(route: string): number {
    return this.#counts.tunnel.get(route) ?? 0;
  }

  /** Those, and event streams. */
  lasting(route: string): number {
    return this.count(route) + (this.#counts.events.get(route) ?? 0);
  }

  *all(): Iterable<readonly [route: string, kind: LastingKind, count: number]> {
    for (const kind of ["tunnel", "events"] as const)
      for (const [route, count] of this.#counts[kind]) yield [route, kind, count];
  }

  add(route: string, kind: LastingKind, more: number): void {
    const counts = this.#counts[kind];
    const count = (counts.get(route) ?? 0) + more;
    if (count === 0) counts.delete(route);
    else counts.set(route, count);
  }

  /**
   * Other phases act. `primaryOf`: of a route now; null: its connections stay as they are. `random`: 0 to 1.
   */
  follow(primaryOf: (route: string) => Identity | null, random: () => number): void {
    this.#primaryOf = primaryOf;
    this.#random = random;
    for (const one of this.#open) if (!one.isToClose && this.#isOld(one)) this.#closeSoon(one);
  }

  #isOld({ route, primary }: Lasting): boolean {
    return (this.#primaryOf(route) ?? primary) !== primary;
  }

  #closeSoon(one: OpenOne): void {
    one.isToClose = true;
    const close = (): void => {
      one.isToClose = false;
      // Not after a rollback meanwhile.
      if (this.#open.has(one) && this.#isOld(one)) one.held.destroy();
    };
    setTimeout(close, this.#random() * CLOSED_WITHIN_MS).unref();
  }
}
