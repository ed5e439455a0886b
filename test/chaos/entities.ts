/** What a service of the chaos run keeps: entities, and which idempotency keys it has seen. Pure: the log around it makes it durable. */

export interface WriteBody {
  /** Told of no other write. */
  readonly tag: string;
  readonly value?: number;
  readonly add?: number;
  /** Of a POST: the id that the client chose; without one the service makes it. */
  readonly id?: string;
  /** Refused with 422. */
  readonly invalid?: true;
  /** A whole entity, as `crossfade repair` writes it: kept as it is. */
  readonly last?: string;
  readonly version?: number;
  /** Makes it too large to be kept in memory by the proxy; part of what has to arrive, and of nothing that is kept. */
  readonly pad?: string;
}

export interface Write {
  readonly method: "POST" | "PUT" | "PATCH" | "DELETE";
  /** From the path; null for a POST. */
  readonly id: string | null;
  readonly body: WriteBody;
  readonly idempotencyKey: string | null;
}

export interface Entity {
  readonly id: string;
  readonly value: number;
  /** Token of the last write. */
  readonly last: string;
  /** One more with each write: a copy that is lost or applied twice shows for good. */
  readonly version: number;
}

export interface Answered {
  readonly status: 200 | 201 | 204 | 404 | 409 | 422;
  readonly entity: Entity | null;
  /** `repeated`: the idempotency key was known, nothing was done. */
  readonly did: "applied" | "refused" | "repeated";
}

export class Entities {
  readonly #entities = new Map<string, Entity>();
  readonly #answers = new Map<string, Answered>();
  readonly #honours: boolean;

  /** `honours`: a write whose idempotency key was applied before is answered as it was then. */
  constructor(honours: boolean) {
    this.#honours = honours;
  }

  get(id: string): Entity | null {
    return this.#entities.get(id) ?? null;
  }

  all(): readonly Entity[] {
    return [...this.#entities.values()];
  }

  write(write: Write): Answered {
    const { idempotencyKey } = write;
    const before = idempotencyKey === null ? undefined : this.#answers.get(idempotencyKey);
    if (this.#honours && before !== undefined) return { ...before, did: "repeated" };
    const answered = this.#decide(write);
    if (answered.did === "applied" && idempotencyKey !== null) this.#answers.set(idempotencyKey, answered);
    return answered;
  }

  #decide({ method, id: named, body }: Write): Answered {
    if (body.invalid === true) return refused(422);
    // Both services make the same id of the same write: that ids differ is another story than this one.
    const id = named ?? body.id ?? `made-${body.tag}`;
    const before = this.#entities.get(id);
    const version = (before?.version ?? 0) + 1;
    switch (method) {
      case "POST":
        return before === undefined
          ? this.#keep(201, { id, value: body.value ?? 0, last: body.tag, version })
          : refused(409);
      case "PUT":
        return this.#keep(before === undefined ? 201 : 200, {
          id,
          value: body.value ?? 0,
          last: body.last ?? body.tag,
          version: body.version ?? version,
        });
      case "PATCH":
        if (before === undefined) return refused(404);
        return this.#keep(200, { id, value: before.value + (body.add ?? 0), last: body.tag, version });
      case "DELETE":
        if (before === undefined) return refused(404);
        this.#entities.delete(id);
        return { status: 204, entity: { ...before, last: body.tag, version }, did: "applied" };
      default: {
        const never: never = method;
        throw new TypeError(`no such method: ${String(never)}`);
      }
    }
  }

  #keep(status: 200 | 201, entity: Entity): Answered {
    this.#entities.set(entity.id, entity);
    return { status, entity, did: "applied" };
  }
}

function refused(status: 404 | 409 | 422): Answered {
  return { status, entity: null, did: "refused" };
}
