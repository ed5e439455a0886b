import type { ServiceSettings } from "../config/settings.ts";
import { ShadowGate, type ShadowGateOptions } from "./shadow-gate.ts";

/** One gate for each service that is sent to, made when it is first needed. */
export class ShadowGates {
  readonly #optionsOf: (service: ServiceSettings) => ShadowGateOptions;
  readonly #byOrigin = new Map<string, ShadowGate>();

  constructor(optionsOf: (service: ServiceSettings) => ShadowGateOptions) {
    this.#optionsOf = optionsOf;
  }

  of(service: ServiceSettings): ShadowGate {
    let gate = this.#byOrigin.get(service.origin);
    if (gate === undefined) this.#byOrigin.set(service.origin, (gate = new ShadowGate(this.#optionsOf(service))));
    return gate;
  }

  close(): void {
    for (const gate of this.#byOrigin.values()) gate.close();
  }
}
