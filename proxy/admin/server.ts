/** The admin listener: Fastify around the table of endpoints, the event stream and the dashboard. */
import { METHODS } from "node:http";
import type { AddressInfo } from "node:net";
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { isLoopback } from "../config/addresses.ts";
import type { Address } from "../config/settings.ts";
import { CrossfadeError } from "../errors.ts";
import { listenError } from "../process/listen-error.ts";
import type { Action } from "./action.ts";
import { ACTIONS } from "./actions.ts";
import { type DashboardFile, type DashboardFiles, readDashboard } from "./dashboard-files.ts";
import { type Call, ENDPOINTS, type Endpoint, type Reply, statusOf } from "./endpoints.ts";
import { EVENT_PARAMETERS, EventHub } from "./events.ts";
import {
  checkHost,
  checkMayReadBodies,
  checkOrigin,
  isTrusted,
  operatorOf,
  pathOf,
  queryOf,
  refuseStranger,
  PAGE_POLICY,
  SECURITY_HEADERS,
} from "./gatekeeper.ts";
import { ASSETS_PATH, describeApi, EVENTS_PATH, OPENAPI_PATH, PAGE_PATH } from "./openapi.ts";
import { History } from "./history.ts";
import type { AdminParts } from "./parts.ts";
import { Connections } from "./connections.ts";
import { Patience } from "./patience.ts";
import { Problem, problemFor } from "./problem.ts";
import { type ParameterName, readQuery } from "./query.ts";
import { Refusals } from "./refusals.ts";

export interface Admin {
  readonly address: Address;
  /** Ends event streams and idle connections, waits a second at most for answers under way. */
  close(): Promise<void>;
}

/** Connections at once. */
const MAX_CONNECTIONS = 128;
/** Of a change: a reason of 500 characters fits, however it is spelled. */
const CHANGE_MAX_BYTES = 8 * 1024;
/** A reader that takes its answer slowly does not hold up the end of the process. */
const CLOSE_PATIENCE_MS = 1_000;

export interface AdminLimits {
  /** For a request, head and body, ms. */
  readonly requestMs: number;
  /** Between two looks for requests that took longer, ms. */
  readonly lookEveryMs: number;
  readonly connections: number;
}

const LIMITS: AdminLimits = { requestMs: 10_000, lookEveryMs: 1_000, connections: MAX_CONNECTIONS };

/**
 * Listens where `parts.listen` says. Answers `GET` and `HEAD`, `PATCH` where something can be changed and `POST` where something is done; nothing it is
 * asked, and no error in answering, reaches the proxy.
 * @throws CrossfadeError `port-taken` where it cannot listen; `config-invalid` where strangers could ask without a token.
 */
export async function createAdmin(parts: AdminParts, limits: AdminLimits = LIMITS): Promise<Admin> {
  if (!isLoopback(parts.listen.host) && parts.snapshot().settings.admin.tokens.length === 0) {
    throw new CrossfadeError(
      "config-invalid",
      `admin.listen is ${parts.listen.host}, which others can reach, and there is no admin.tokens; add a token or listen on 127.0.0.1`,
      { source: "config" },
    );
  }
  const app = Fastify({
    logger: false,
    bodyLimit: CHANGE_MAX_BYTES,
    // A reader that stands still with an answer half taken is let go; the event stream's heartbeat is shorter.
    connectionTimeout: 30_000,
    keepAliveTimeout: 5_000,
    requestTimeout: limits.requestMs,
    // Node swaps the two limits where that of the head (60 s by default) is the longer one (24.21, ConnectionsList::Expired).
    http: { connectionsCheckingInterval: limits.lookEveryMs, headersTimeout: limits.requestMs },
    forceCloseConnections: "idle",
    routerOptions: { maxParamLength: 1024 },
    // A target that cannot be decoded (`/%zz`) is refused before any hook runs.
    frameworkErrors: (error, request, reply) => {
      void answerError(parts, error, request, reply);
    },
  });
  const connections = new Connections(app.server, limits.connections);
  const patience = new Patience();
  const refusals = new Refusals();
  const history = keepHistory(parts);
  const hub = new EventHub({
    subscribe: (listener) => parts.subscribe(listener),
    status: () => statusOf(parts),
    onError: (error, what) => parts.onError(error, what),
  });

  // Read as text: what is wrong with it is told in the API's own words.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("application/json", { parseAs: "string" }, (_, body, done) => done(null, body));
  app.setErrorHandler((error, request, reply) => answerError(parts, error, request, reply));
  app.setNotFoundHandler((request, reply) => {
    const problem = new Problem(404, `there is nothing at ${pathOf(request)}; ${OPENAPI_PATH} lists what there is`);
    return answerError(parts, problem, request, reply);
  });
  app.addHook("onRequest", async (request, reply) => {
    reply.headers(SECURITY_HEADERS);
    checkHost(parts, request);
    checkOrigin(parts, request);
    if (isTrusted(parts, request)) connections.keepFor(request.raw.socket, reply.raw);
    else if (request.routeOptions.config.open !== true) refuseStranger(request, refusals);
  });

  for (const endpoint of ENDPOINTS) addEndpoint(app, parts, { patience, history: history.history }, endpoint);
  for (const action of ACTIONS) addAction(app, parts, action);
  addGet(app, OPENAPI_PATH, (request) => {
    readQuery(queryOf(request), [], Date.now());
    return { body: describeApi(parts.version) };
  });
  addEvents(app, hub);
  addDashboard(app, readDashboard());

  try {
    await app.listen({ host: parts.listen.host, port: parts.listen.port });
  } catch (cause) {
    history.end();
    await app.close();
    throw listenError(parts.listen, cause as NodeJS.ErrnoException);
  }
  const bound = app.server.address() as AddressInfo;
  return {
    address: { host: parts.listen.host, port: bound.port },
    async close() {
      history.end();
      hub.close();
      const late = setTimeout(() => app.server.closeAllConnections(), CLOSE_PATIENCE_MS);
      await app.close();
      clearTimeout(late);
    },
  };
}

declare module "fastify" {
  interface FastifyContextConfig {
    /** Answers without a token too. */
    readonly open?: boolean;
  }
}

/** Looks at the counts for as long as it is not ended. */
function keepHistory(parts: AdminParts): { readonly history: History; end(): void } {
  const history = new History();
  let timer: NodeJS.Timeout | undefined;
  const look = (): void => {
    try {
      const { now, routes } = parts.status();
      history.look(now, routes);
    } catch (error) {
      parts.onError(error, "history");
    }
    timer = setTimeout(look, history.stepMs).unref();
  };
  look();
  return { history, end: () => clearTimeout(timer) };
}

function addEndpoint(
  app: FastifyInstance,
  parts: AdminParts,
  kept: Pick<Call, "patience" | "history">,
  endpoint: Endpoint,
): void {
  const url = endpoint.path.replace(/\{\w+\}/, ":id");
  const open = endpoint.open === true;
  const { change } = endpoint;
  const callOf = (request: FastifyRequest, allowed: readonly ParameterName[]): Call => {
    const query = readQuery(queryOf(request), allowed, Date.now());
    const { id = "" } = request.params as { id?: string };
    return { parts, ...kept, id, query, trusted: isTrusted(parts, request) };
  };
  const answer = (request: FastifyRequest): Promise<Reply> | Reply => {
    if (endpoint.bodies === true) checkMayReadBodies(parts, request);
    return endpoint.reply(callOf(request, endpoint.parameters ?? []));
  };
  addGet(app, url, answer, { open, changes: change !== undefined });
  if (change === undefined) return;
  app.patch(url, {
    // Before anything of the body is read.
    onRequest: async (request) => void operatorOf(parts, request),
    handler: async (request, reply) => {
      const body = typeof request.body === "string" ? request.body : "";
      const answer = await change.reply({ ...callOf(request, []), body, by: operatorOf(parts, request) });
      return sendReply(reply, answer);
    },
  });
}

function addAction(app: FastifyInstance, parts: AdminParts, { path, maxBytes, reply: act }: Action): void {
  const url = path.replace(/\{\w+\}/, ":id");
  app.post(url, {
    bodyLimit: maxBytes,
    // Before anything of the body is read.
    onRequest: async (request) => void operatorOf(parts, request),
    handler: async (request, reply) => {
      const body = typeof request.body === "string" ? request.body : "";
      // Silent for as long as it works; the next request on this connection has a limit again.
      request.raw.socket.setTimeout(0);
      const { id = "" } = request.params as { id?: string };
      const answer = await act({ parts, id, body, by: operatorOf(parts, request) });
      request.raw.socket.setTimeout(app.server.timeout);
      return sendReply(reply, { body: answer });
    },
  });
  refuseOtherMethods(app, url, "POST");
}

/** `GET` and `HEAD`; every method but these and that of changes is answered 405 before anything of its body is read. */
function addGet(
  app: FastifyInstance,
  url: string,
  answer: (request: FastifyRequest) => Promise<Reply> | Reply,
  { open = false, changes = false } = {},
): void {
  app.get(url, { config: { open } }, async (request, reply) => sendReply(reply, await answer(request)));
  refuseOtherMethods(app, url, changes ? "GET, HEAD, PATCH" : "GET, HEAD");
}

function sendReply(reply: FastifyReply, { status = 200, type, body }: Reply): string {
  reply.code(status).type(type ?? "application/json; charset=utf-8");
  return typeof body === "string" ? body : JSON.stringify(body);
}

function refuseOtherMethods(app: FastifyInstance, url: string, allow: string): void {
  const supported = new Set<string>(app.supportedMethods);
  app.route({
    method: METHODS.filter((method) => supported.has(method) && !allow.split(", ").includes(method)),
    url,
    config: { open: true },
    onRequest: async (request) => {
      throw new Problem(405, `${request.method} is not answered here`, { headers: { allow } });
    },
    handler: () => undefined,
  });
}

function addEvents(app: FastifyInstance, hub: EventHub): void {
  app.get(EVENTS_PATH, { exposeHeadRoute: false }, (request, reply) => {
    const filter = readQuery(queryOf(request), EVENT_PARAMETERS, Date.now());
    hub.checkRoom();
    reply.hijack();
    const headers = {
      ...SECURITY_HEADERS,
      "content-type": "text/event-stream; charset=utf-8",
      "x-accel-buffering": "no",
    };
    reply.raw.writeHead(200, headers);
    hub.add(reply.raw, filter);
  });
  refuseOtherMethods(app, EVENTS_PATH, "GET");
}

/** The same for everybody, and without a token: what it shows it asks the API for. */
function addDashboard(app: FastifyInstance, { page, assets }: DashboardFiles): void {
  const open = { config: { open: true } };
  app.get(PAGE_PATH, open, (request, reply) => {
    readQuery(queryOf(request), [], Date.now());
    if (page === null) {
      throw new Problem(503, "the dashboard has not been built; run npm run build. The API answers all the same");
    }
    reply.header("content-security-policy", PAGE_POLICY);
    return sendFile(reply, page);
  });
  refuseOtherMethods(app, PAGE_PATH, "GET, HEAD");
  app.get<{ Params: { name: string } }>(`${ASSETS_PATH}/:name`, open, (request, reply) => {
    const file = assets.get(request.params.name);
    if (file === undefined) throw new Problem(404, `there is nothing at ${pathOf(request)}`);
    // Its name changes with what is in it.
    reply.header("cache-control", "public, max-age=31536000, immutable");
    return sendFile(reply, file);
  });
  refuseOtherMethods(app, `${ASSETS_PATH}/:name`, "GET, HEAD");
}

function sendFile(reply: FastifyReply, { type, body }: DashboardFile): FastifyReply {
  return reply.type(type).send(body);
}

function answerError(parts: AdminParts, error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  let problem = problemFor(error);
  if (problem === null) {
    parts.onError(error, `${request.method} ${pathOf(request)}`);
    problem = new Problem(500, "something went wrong in Crossfade itself; its log has the error");
  }
  return reply
    .code(problem.status)
    .headers({ ...SECURITY_HEADERS, ...problem.headers })
    .type("application/problem+json; charset=utf-8")
    .send(JSON.stringify(problem));
}
