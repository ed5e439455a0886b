/** Rules about services, listeners and limits that no single value shows. */
import { endpointOf, spellEndpoint } from "../endpoint.ts";
import { collide, isLoopback, reaches, sameEndpoint, staysHere } from "./addresses.ts";
import { DEFAULT_SERVICE } from "./defaults.ts";
import type { Findings } from "./findings.ts";
import type { ConfigPath } from "./message.ts";
import type { Places } from "./places.ts";
import type { Endpoint, ServiceSettings, Settings } from "./settings.ts";
import { spellSize } from "./units.ts";

export function checkServices(settings: Settings, places: Places, findings: Findings): void {
  const services = Object.values(settings.services);
  for (const [i, service] of services.entries()) {
    const path = ["services", service.name];
    if (!/^[A-Za-z0-9][\w.-]{0,63}$/.test(service.name)) {
      const rule = "letters, digits, dots, _ and - (at most 64), a letter or digit first";
      findings.errors.push(places.atKey(path, `is no name for a service; a name holds ${rule}`));
    }
    const twin = services.slice(0, i).find((other) => sameSocket(service, other));
    if (twin !== undefined) {
      const why = "one service would get every write twice";
      findings.errors.push(
        places.at(
          [...path, "url"],
          `is ${service.origin}, the same origin as services.${twin.name}.url; ${why}: write where ${service.name} itself is`,
        ),
      );
    }
    for (const [listener, address] of listeners(settings)) {
      if (!reaches(endpointOf(service.origin), address)) continue;
      const circle = `the address of the proxy's own ${listener} (${spellEndpoint(address)}); requests would go in circles`;
      findings.errors.push(
        places.at([...path, "url"], `is ${service.origin}, ${circle}: write where ${service.name} itself is`),
      );
    }
    checkTls(service, [...path, "tls"], places, findings);
    const { maxConnections } = service.asPrimary;
    if (maxConnections !== null && maxConnections < settings.workers) {
      const way = `write ${settings.workers} or more, or fewer workers`;
      findings.errors.push(
        places.at(
          [...path, "asPrimary", "connections"],
          `is ${maxConnections}, and ${settings.workers} workers share them: each needs one; ${way}`,
        ),
      );
    }
    if (service.name !== "legacy" && isPlainAndRemote(service)) {
      const why = "bodies and credentials cross the network in plain text";
      findings.warnings.push(
        places.at(
          [...path, "url"],
          `is ${service.origin}, outside loopback and without TLS: ${why}; write https:// where the service has it`,
        ),
      );
    }
    if (
      service.name !== "legacy" &&
      service.name !== "next" &&
      !settings.routes.some(({ next }) => next === service.name)
    ) {
      findings.warnings.push(
        places.atKey(path, `is used by no route; name it in one, as next: ${service.name}, or take it out`),
      );
    }
  }
}

function checkTls({ name, origin, tls }: ServiceSettings, path: ConfigPath, places: Places, findings: Findings): void {
  if (tls !== DEFAULT_SERVICE.tls && !origin.startsWith("https:")) {
    const instead = origin.startsWith("http:")
      ? `write https${origin.slice("http".length)}, or take tls out`
      : "take it out";
    findings.errors.push(places.at(path, `is written for ${origin}, which is spoken to without TLS; ${instead}`));
  }
  if (!tls.verify) {
    const risk = `whoever answers in the place of ${name} is believed, and reads and changes every request`;
    const way = `write ca: FILE with the authority that made ${name}'s certificate`;
    findings.warnings.push(places.at([...path, "verify"], `is false: ${risk}; ${way}`));
  }
}

/** Whether both are reached at one address and port, or by one Unix socket. */
export function sameSocket(one: ServiceSettings, other: ServiceSettings): boolean {
  return sameEndpoint(endpointOf(one.origin), endpointOf(other.origin));
}

function isPlainAndRemote({ origin }: ServiceSettings): boolean {
  return origin.startsWith("http:") && !staysHere(endpointOf(origin));
}

function listeners(settings: Settings): readonly (readonly [setting: string, address: Endpoint])[] {
  return [
    ["listen", settings.listen],
    ["admin.listen", settings.admin.listen],
  ];
}

export function checkListeners(settings: Settings, places: Places, findings: Findings): void {
  const { listen, admin, tls } = settings;
  if ("path" in listen && tls !== null) {
    findings.errors.push(
      places.at(
        ["tls"],
        `is written for ${spellEndpoint(listen)}, and a Unix socket is served without TLS; take tls out, or listen on 0.0.0.0:8443`,
      ),
    );
  }
  if (collide(listen, admin.listen)) {
    const shown = spellEndpoint(admin.listen);
    findings.errors.push(
      places.at(
        ["admin", "listen"],
        `is ${shown}, which listen (${spellEndpoint(listen)}) takes already; write another port`,
      ),
    );
  }
  if (!isLoopback(admin.listen.host) && admin.tokens.length === 0) {
    const shown = spellEndpoint(admin.listen);
    const way =
      'write admin.tokens: [{ name: ops, role: operate, token: "${CROSSFADE_TOKEN}" }], or listen on 127.0.0.1';
    findings.errors.push(
      places.at(
        ["admin", "listen"],
        `is ${shown}, outside loopback and without tokens: anyone who reaches it could change phases; ${way}`,
      ),
    );
  }
  for (const [i, token] of admin.tokens.entries()) {
    const earlier = admin.tokens.slice(0, i);
    if (earlier.some(({ name }) => name === token.name)) {
      findings.errors.push(
        places.at(
          ["admin", "tokens", i, "name"],
          `is "${token.name}" a second time; the audit tells holders apart by name`,
        ),
      );
    }
    const twin = earlier.find((other) => other.token === token.token);
    if (twin !== undefined) {
      findings.errors.push(
        places.at(["admin", "tokens", i, "token"], `is the token of ${twin.name} as well; make one for each holder`),
      );
    }
  }
}

export function checkLimits({ limits }: Settings, places: Places, findings: Findings): void {
  const { queuedBytes, bodyInMemoryBytes, bodyOnDiskBytes, spoolBytes } = limits;
  if (bodyInMemoryBytes > queuedBytes) {
    findings.errors.push(
      places.at(
        ["limits", "bodyInMemory"],
        `is ${spellSize(bodyInMemoryBytes)}, more than limits.queued (${spellSize(queuedBytes)}) holds in all; write less`,
      ),
    );
  }
  if (bodyOnDiskBytes < bodyInMemoryBytes) {
    findings.errors.push(
      places.at(
        ["limits", "bodyOnDisk"],
        `is ${spellSize(bodyOnDiskBytes)}, less than limits.bodyInMemory (${spellSize(bodyInMemoryBytes)}); write as much or more`,
      ),
    );
  }
  if (spoolBytes < bodyOnDiskBytes) {
    findings.warnings.push(
      places.at(
        ["limits", "spool"],
        `is ${spellSize(spoolBytes)}, less than one body of limits.bodyOnDisk (${spellSize(bodyOnDiskBytes)}): larger bodies end dropped(spool-full)`,
      ),
    );
  }
}
