import { hostname } from "node:os";
import {
  defaultResource,
  detectResources,
  envDetector,
  type Resource,
  resourceFromAttributes,
} from "@opentelemetry/resources";

export interface Scope {
  readonly name: string;
  readonly version: string;
}

/** What all that a process tells is told of. OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES have the last word. */
export function resourceOf({ name, version }: Scope, instance: string): Resource {
  const service = { "service.name": name, "service.version": version, "service.instance.id": instance };
  const own = { ...service, "host.name": hostname() };
  return defaultResource()
    .merge(resourceFromAttributes(own))
    .merge(detectResources({ detectors: [envDetector] }));
}
