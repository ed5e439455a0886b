/** Connections that changed their protocol, by the route that they came by. */
export class OpenTunnels {
  readonly #counts = new Map<string, number>();

  /** Until the connection is closed. */
  opened(route: string, socket: { once(event: "close", listener: () => void): unknown }): void {
    this.add(route, 1);
    socket.once("close", () => this.add(route, -1));
  }

  count(route: string): number {
    return this.#counts.get(route) ?? 0;
  }

  all(): Iterable<readonly [route: string, count: number]> {
    return this.#counts;
  }

  add(route: string, more: number): void {
    const count = this.count(route) + more;
    if (count === 0) this.#counts.delete(route);
    else this.#counts.set(route, count);
  }
}
