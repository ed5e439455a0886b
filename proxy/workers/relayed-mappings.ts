import type { ClientMappings, Mapping } from "../ids/client-mappings.ts";

export interface MappingTold extends Mapping {
  readonly times: number;
}

/** As often as what a worker measures. */
const TOLD_EVERY_MS = 250;

/** What a worker has mapped for clients, told to the parent from time to time. */
export class RelayedMappings implements Pick<ClientMappings, "count"> {
  readonly #tell: (counts: readonly MappingTold[]) => void;
  #counts = new Map<string, MappingTold>();

  constructor(tell: (counts: readonly MappingTold[]) => void) {
    this.#tell = tell;
    setInterval(() => this.flush(), TOLD_EVERY_MS).unref();
  }

  count(mapping: Mapping): void {
    const name = `${mapping.of} ${mapping.result} ${mapping.route}`;
    this.#counts.set(name, { ...mapping, times: (this.#counts.get(name)?.times ?? 0) + 1 });
  }

  flush(): void {
    if (this.#counts.size === 0) return;
    const counts = [...this.#counts.values()];
    this.#counts = new Map();
    this.#tell(counts);
  }
}
