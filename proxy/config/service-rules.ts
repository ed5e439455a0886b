/** Rules about services, listeners and limits that no single value shows. */
import { addressOfOrigin, collide, isLoopback, reaches, sameHost, spellAddress } from "./addresses.ts";
import type { Findings } from "./findings.ts";
import type { Places } from "./places.ts";
import type { Address, ServiceSettings, Settings } from "./settings.ts";
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
      if (!reaches(addressOfOrigin(service.origin), address)) continue;
      const circle = `the address of the proxy's own ${listener} (${spellAddress(address)}); requests would go in circles`;
      findings.errors.push(
        places.at([...path, "url"], `is ${service.origin}, ${circle}: write where ${service.name} itself is`),
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

/** Whether both are reached at one address and port. */
export function sameSocket(one: ServiceSettings, other: ServiceSettings): boolean {
  const [a, b] = [addressOfOrigin(one.origin), addressOfOrigin(other.origin)];
  return a.port === b.port && sameHost(a.host, b.host);
}

function isPlainAndRemote({ origin }: ServiceSettings): boolean {
  return origin.startsWith("http:") && !isLoopback(addressOfOrigin(origin).host);
}

function listeners(settings: Settings): readonly (readonly [setting: string, address: Address])[] {
  return [
    ["listen", settings.listen],
    ["admin.listen", settings.admin.listen],
  ];
}

export function checkListeners(settings: Settings, places: Places, findings: Findings): void {
  const { listen, admin } = settings;
  if (collide(listen, admin.listen)) {
    const shown = spellAddress(admin.listen);
    findings.errors.push(
      places.at(
        ["admin", "listen"],
        `is ${shown}, which listen (${spellAddress(listen)}) takes already; write another port`,
      ),
    );
  }
  if (!isLoopback(admin.listen.host) && admin.tokens.length === 0) {
    const shown = spellAddress(admin.listen);
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
