/** Puts what a repair asks and writes as either service has it, and what they answer as clients know it. */
import type { FindSettings, GivenValue, RouteSettings, ServiceSettings, ValuePlace } from "../config/settings.ts";
import { type Answer, headerOf, type Identity, type RequestHead, type Role, type Snapshot } from "../exchange.ts";
import type { Carried } from "../mirror/values/carried.ts";
import { isTurned } from "../mirror/values/held.ts";
import type { ValueMap } from "../mirror/values/value-map.ts";
import type { ShadowRequest } from "../mirror/shadow-request.ts";
import type { FoundScalar } from "../json/read-pointer.ts";
import { PHASE_ROLES } from "../moves/phases.ts";
import { headOf } from "../read-back.ts";
import type { Transforms } from "../transform/transforms.ts";
import { isSameKey, naturalKeyOf } from "./look-alikes.ts";
import type { Asked, ValuesOfEntity } from "./values-of-entity.ts";

export interface CarrierParts {
  readonly transforms: Pick<Transforms, "own" | "ownAnswer">;
  readonly values: Pick<ValueMap, "carry" | "learnOf" | "told">;
  readonly caught: (step: string, error: unknown) => void;
}

export interface Carriage {
  readonly snapshot: Snapshot;
  readonly route: RouteSettings;
  readonly primary: ServiceSettings;
  readonly shadow: ServiceSettings;
  readonly path: string;
  readonly host: string | null;
  readonly values: ValuesOfEntity | null;
}

/** A request as its service is to get it. */
export type Spelled =
  | {
      readonly ok: true;
      readonly request: ShadowRequest;
      /** Values that went as clients say them, as nobody knows another name for them there. */
      readonly passed: ReadonlySet<string>;
      /** The entity's own id is one of them. */
      readonly ownPassed: boolean;
    }
  | {
      readonly ok: false;
      readonly why: string;
      /** apart: the entity's own id there is not known. Absent: nothing was wrong with it. */
      readonly because?: "apart" | "awaits" | "unmapped";
    };

/** What the body of a request is: an entity of the primary's, of which the shadow may be handed something. */
export interface BodySays {
  readonly inBody: readonly ValuePlace[];
  readonly given: readonly GivenValue[];
  readonly leavesOut: boolean;
}

export interface Carrier {
  /** `asked`: as clients would ask it; null: by the entry's own route. Never rejects. */
  spell(role: Role, request: ShadowRequest, asked: Asked | null, says?: BodySays): Promise<Spelled>;
  /** What next answers, with legacy's members and paths. */
  atLegacy(role: Role, answer: Answer, asked: Asked | null): Promise<Answer>;
  /** The same with the values that clients know; null: the store did not say. */
  told(role: Role, answer: Answer): Promise<Answer | null>;
  /** Of entities of the shadow, those that have this natural key; null: the store did not say. */
  alike(items: readonly Answer[], key: readonly FoundScalar[], find: FindSettings): Promise<readonly Answer[] | null>;
  /** Pairs of values, from what both say of the entity. `shadow` as `atLegacy` has put it. */
  learn(primary: Answer, shadow: Answer, passed: ReadonlySet<string>): Promise<void>;
}

const SAYS_NOTHING: BodySays = { inBody: [], given: [], leavesOut: false };
const NOTHING: ReadonlySet<string> = new Set();

export function createCarrier(parts: CarrierParts, entity: Carriage): Carrier {
  const { snapshot, route, values } = entity;
  const identities: Readonly<Record<Role, Identity>> = {
    primary: PHASE_ROLES[route.phase].primary,
    shadow: PHASE_ROLES[route.phase].shadow ?? "next",
  };
  const turned = values !== null && values.routes.some((one) => isTurned(snapshot, one));

  /** Headers that the route asks of its requests are clients' own; what a service is to get of ours is its own. */
  function placesIn(service: ServiceSettings, { values: { apply } }: RouteSettings) {
    const ours = [...service.own.headers, ...service.asShadow.headers];
    const isNamed = (list: RouteSettings["match"]["headers"], name: string): boolean =>
      list.some(([one]) => one === name);
    return apply.filter(({ at: { source, name } }) => {
      if (source === "path" || source === "query") return true;
      return source === "header" && isNamed(route.match.headers, name) && !isNamed(ours, name);
    });
  }

  async function carried(
    role: Role,
    { target, headers, body }: ShadowRequest,
    { found }: Asked,
    of: ValuesOfEntity,
    says: BodySays,
  ): Promise<Carried> {
    const message = { target, headers, body: body.kind === "memory" ? body.bytes : null };
    return parts.values.carry(message, {
      to: identities[role],
      primary: identities.primary,
      isTurned: turned,
      inPath: found,
      inRequest: placesIn(entity[role], found.route),
      ...says,
      own: of.own,
      isApart: of.isUncreated,
      unmapped: found.route.values.unmapped,
    });
  }

  /** Entities are known by what they are at legacy. */
  async function shaped(
    role: Role,
    request: ShadowRequest,
    asked: Asked | null,
    more: Pick<Carried & { end: "carried" }, "passed" | "ownPassed">,
  ): Promise<Spelled> {
    if (identities[role] === "legacy") return { ok: true, request, ...more };
    const put = await parts.transforms.own(request, asked?.found.route ?? route, snapshot.settings.routes);
    return put.ok ? { ok: true, request: put.value, ...more } : { ok: false, why: put.why };
  }

  return {
    async spell(role, request, asked, says = SAYS_NOTHING) {
      if (values === null || asked === null) return shaped(role, request, asked, { passed: NOTHING, ownPassed: false });
      try {
        const end = await carried(role, request, asked, values, says);
        switch (end.end) {
          case "carried": {
            const { target, headers, body, passed, ownPassed } = end;
            const kept = body === null ? request.body : ({ kind: "memory", bytes: body } as const);
            const put = { ...request, target, headers: [...headers], body: kept };
            return await shaped(role, put, asked, { passed, ownPassed });
          }
          case "apart":
            return { ok: false, because: "apart", why: "nobody knows its id at the shadow" };
          case "awaited":
            return { ok: false, because: "awaits", why: end.why };
          case "refused":
            return { ok: false, because: "unmapped", why: end.why };
        }
      } catch (error) {
        parts.caught("values", error);
        return { ok: false, why: "was not asked: its values could not be looked up" };
      }
    },
    async atLegacy(role, answer, asked) {
      if (identities[role] === "legacy") return answer;
      const request: RequestHead = asked?.request ?? headOf("GET", entity.path, route, entity.host);
      return parts.transforms.ownAnswer(answer, { route: asked?.found.route ?? route, request, snapshot });
    },
    async told(role, answer) {
      if (values === null || (role === "primary" && !turned)) return answer;
      const other = role === "primary" ? null : identities.primary;
      try {
        return await parts.values.told(answer, values.inAnswer, identities[role], other);
      } catch (error) {
        parts.caught("values", error);
        return null;
      }
    },
    async alike(items, key, find) {
      const found: Answer[] = [];
      for (const item of items) {
        const at = await this.atLegacy("shadow", item, values?.reads ?? null);
        const said = await this.told("shadow", at);
        if (said === null) return null;
        if (isSameKey(key, naturalKeyOf(said, find))) found.push(at);
      }
      return found;
    },
    async learn(primary, shadow, passed) {
      if (values === null) return;
      try {
        // Where it is made its place is told; whoever reads it there knows it.
        const headers =
          headerOf(primary.headers, "location") === null
            ? [...primary.headers, "location", entity.path]
            : primary.headers;
        const about = { snapshot, route: values.teaches, plan: { primary: identities.primary } };
        await parts.values.learnOf(about, passed, { ...readable(primary), headers }, readable(shadow));
      } catch (error) {
        parts.caught("values", error);
      }
    },
  };
}

function readable({ status, headers, body }: Answer) {
  return { status, headers, body: body.kind === "memory" ? body.bytes : null };
}
