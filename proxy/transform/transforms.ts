/**
 * What is another thing at next: declared first, then by the functions of the route's module; of answers the other way round.
 * At once where a route has no module, else from the module's thread.
 */
import type { Caught } from "../caught.ts";
import type { ModuleSettings, TransformHookName } from "../config/compare-settings.ts";
import type { RouteSettings } from "../config/settings.ts";
import type { Answer, Exchange } from "../exchange.ts";
import type { ShadowRequest } from "../mirror/shadow-request.ts";
import { answerAtLegacy, ownRequestAtNext, requestAtNext } from "./declared.ts";
import type { Answered } from "../ids/transform.ts";
import type { HeldReply, HeldRequest } from "./module-message.ts";
import { ModuleThread } from "./module-thread.ts";
import type { ModuleCall, ModuleReply } from "./worker.ts";
import { type Reshaped, RESHAPED_MAX_BYTES } from "./reshape.ts";

type Now<T> = T | Promise<T>;

export interface Transforms {
  /** A copy as its shadow is to get it. Never rejects. */
  copy(request: ShadowRequest, exchange: Exchange): Now<Reshaped<ShadowRequest>>;
  /** A request of our own about an entity, whose path may be that of another of `routes`. Never rejects. */
  own(request: ShadowRequest, route: RouteSettings, routes: readonly RouteSettings[]): Now<Reshaped<ShadowRequest>>;
  /** The shadow's answer to a copy, for learning and comparing: as it came, where it could not be transformed. */
  answer(answer: Answer, exchange: Exchange): Now<Answer>;
  /** The same of next's answer to a request of our own. */
  ownAnswer(answer: Answer, answered: Answered): Now<Answer>;
  /** What a client asks, as next is to be asked it. Never rejects. */
  clientRequest(request: ShadowRequest, route: RouteSettings): Now<Reshaped<ShadowRequest>>;
  /** What next answers, as the client is to get it. Never rejects. */
  clientAnswer(answer: Answer, answered: Answered): Now<Reshaped<Answer>>;
  close(): Promise<void>;
}

type Module = ModuleSettings<TransformHookName>;

/** Each costs a second of all transforms' time, or a thread: after so many a module is switched off until a reload. */
const COSTLY_MAX = 5;

export function createTransforms(caught: Caught): Transforms {
  const thread = new ModuleThread();
  const costly = new WeakMap<Module, number>();

  async function call(order: ModuleCall, exchange: Exchange | undefined): Promise<ModuleReply> {
    const { module, step } = order;
    if ((costly.get(module) ?? 0) >= COSTLY_MAX) {
      const why = `is switched off until a changed config or module is loaded: it failed ${COSTLY_MAX} times at great cost`;
      return { ok: false, failure: { step, why, costly: false } };
    }
    const reply = await thread.run(order);
    if (!reply.ok) {
      if (reply.failure.costly) costly.set(module, (costly.get(module) ?? 0) + 1);
      caught(`transform ${reply.failure.step}`, new Error(`${module.file}: ${reply.failure.why}`), exchange);
    }
    return reply;
  }

  function byModule(
    shaped: Reshaped<ShadowRequest>,
    { transform: { module } }: RouteSettings,
    exchange?: Exchange,
  ): Now<Reshaped<ShadowRequest>> {
    if (!shaped.ok || module === null || !module.hooks.includes("toNext")) return shaped;
    const { method, target, headers, body } = shaped.value;
    if (body.kind !== "memory" || body.bytes.length > RESHAPED_MAX_BYTES) {
      const why = "its body is larger than 1 MiB or limits.bodyInMemory, so that transform.module cannot change it";
      return { ok: false, why };
    }
    const order = { module, step: "toNext", message: { method, target, headers, body: body.bytes } } as const;
    return call(order, exchange).then((reply): Reshaped<ShadowRequest> => {
      if (!reply.ok) return { ok: false, why: `transform.module: ${reply.failure.step} ${reply.failure.why}` };
      const changed = reply.message as HeldRequest;
      return {
        ok: true,
        value: {
          ...changed,
          headers: [...changed.headers],
          body: { kind: "memory", bytes: Buffer.from(changed.body) },
        },
      };
    });
  }

  /** An answer that is too large for the module passes it by. */
  function fromModule(
    answer: Answer,
    { transform: { module } }: RouteSettings,
    exchange?: Exchange,
  ): Now<Reshaped<Answer>> {
    const { status, headers, body } = answer;
    if (module === null || !module.hooks.includes("answer")) return { ok: true, value: answer };
    if (body.kind !== "memory" || body.bytes.length > RESHAPED_MAX_BYTES) return { ok: true, value: answer };
    const order = { module, step: "answer", message: { status, headers, body: body.bytes } } as const;
    return call(order, exchange).then((reply): Reshaped<Answer> => {
      if (!reply.ok) return { ok: false, why: `transform.module: ${reply.failure.step} ${reply.failure.why}` };
      const changed = reply.message as HeldReply;
      const bytes = Buffer.from(changed.body);
      const { status: told, headers: put } = changed;
      return { ok: true, value: { ...answer, status: told, headers: put, body: { kind: "memory", bytes } } };
    });
  }

  /** For learning and comparing: where the module fails, as it came; the same where what is declared does. */
  function put(
    answer: Answer,
    route: RouteSettings,
    declared: (changed: Answer) => Answer,
    exchange?: Exchange,
  ): Now<Answer> {
    const finish = (from: Reshaped<Answer>): Answer => {
      const changed = from.ok ? from.value : answer;
      const shaped = declare(() => ({ ok: true, value: declared(changed) }), exchange);
      return shaped.ok ? shaped.value : changed;
    };
    const from = fromModule(answer, route, exchange);
    return from instanceof Promise ? from.then(finish) : finish(from);
  }

  function declare<T>(shape: () => Reshaped<T>, exchange?: Exchange): Reshaped<T> {
    try {
      return shape();
    } catch (error) {
      caught("transform", error, exchange);
      return { ok: false, why: "it could not be transformed" };
    }
  }

  const goesToNext = ({ plan }: Exchange): boolean => plan.mirror && plan.shadow === "next";
  return {
    copy(request, exchange) {
      if (!goesToNext(exchange)) return { ok: true, value: request };
      return byModule(
        declare(() => requestAtNext(request, exchange.route), exchange),
        exchange.route,
        exchange,
      );
    },
    own: (request, route, routes) =>
      byModule(
        declare(() => ownRequestAtNext(request, route, routes)),
        route,
      ),
    answer(answer, exchange) {
      if (!goesToNext(exchange)) return answer;
      return put(answer, exchange.route, (changed) => answerAtLegacy(changed, exchange), exchange);
    },
    ownAnswer: (answer, answered) => put(answer, answered.route, (changed) => answerAtLegacy(changed, answered)),
    clientRequest: (request, route) =>
      byModule(
        declare(() => requestAtNext(request, route)),
        route,
      ),
    clientAnswer(answer, answered) {
      const finish = (from: Reshaped<Answer>): Reshaped<Answer> =>
        from.ok ? declare(() => ({ ok: true, value: answerAtLegacy(from.value, answered) })) : from;
      const from = fromModule(answer, answered.route);
      return from instanceof Promise ? from.then(finish) : finish(from);
    },
    close: () => thread.close(),
  };
}
