/** One copy's request as the shadow is to get it, and what its answer teaches of ids and tokens. */
import { type Copy, shadowOf } from "../life/copy.ts";
import { bytesInMemory, guarded } from "../life/ending.ts";
import type { Difference } from "../evidence/evidence.ts";
import { type Answer, epochOf } from "../exchange.ts";
import type { PrimaryAnswered } from "../forward/forwarder.ts";
import { buildShadowRequest, type Rewrite, type ShadowRequest } from "../mirror/shadow-request.ts";
import type { MappedRequest } from "../mirror/values/request-map.ts";
import type { Teaching } from "../mirror/values/teaching.ts";
import type { PipelineParts } from "../pipeline-parts.ts";
import type { Reshaped } from "../transform/reshape.ts";

export const NOTHING_PASSED: ReadonlySet<string> = new Set();

/** Its ids and tokens as the shadow calls them; may wait for earlier exchanges that make them. */
export function mapCopy(parts: PipelineParts, copy: Copy): MappedRequest | Promise<MappedRequest> {
  if (copy.teaching === null) return { end: "mapped", rewrite: parts.rewrite, passed: NOTHING_PASSED };
  return mapValues(parts, copy, copy.teaching);
}

async function mapValues(parts: PipelineParts, copy: Copy, teaching: Teaching): Promise<MappedRequest> {
  const { exchange, body, primary, about, answeredAt } = copy;
  const { maxAgeMs } = shadowOf(copy).asShadow;
  try {
    const mapped = await parts.values.request({
      exchange,
      body,
      primary: readable(primary),
      made: about.made,
      teaching,
      deadline: answeredAt + maxAgeMs,
    });
    if (mapped.end !== "mapped") return mapped;
    return { ...mapped, rewrite: (request, of) => parts.rewrite(mapped.rewrite(request, of), of) };
  } catch (error) {
    parts.caught("values", error, exchange);
    return {
      end: "unmapped",
      why: `its values could not be mapped: ${error instanceof Error ? error.message : String(error)}`,
    };
  }
}

function readable({ status, headers, body }: PrimaryAnswered) {
  return { status, headers, body: bytesInMemory(body) };
}

/** Nobody has to wait any longer for what it would have taught. */
export function endTeaching(parts: PipelineParts, { exchange, teaching }: Copy): void {
  if (teaching !== null) guarded(parts, "values", () => parts.values.end(exchange, teaching), exchange);
}

/** Learns from both answers; then the shadow's as the primary would have put it, and what contradicts what was known. */
export async function learnFrom(
  parts: PipelineParts,
  { exchange, primary }: Copy,
  teaching: Teaching,
  answer: Answer,
  passed: ReadonlySet<string>,
): Promise<{ readonly answer: Answer; readonly conflicts: readonly Difference[] }> {
  let conflicts: readonly Difference[] = [];
  try {
    const body = answer.body.kind === "memory" ? answer.body.bytes : null;
    conflicts = await parts.values.learn(exchange, teaching, passed, readable(primary), { ...answer, body });
    return { answer: await parts.values.answer(exchange, answer), conflicts };
  } catch (error) {
    parts.caught("values", error, exchange);
    return { answer, conflicts };
  }
}

/** As the shadow is to get it. */
export function shapeCopy(
  parts: PipelineParts,
  copy: Copy,
  rewrite: Rewrite,
): Reshaped<ShadowRequest> | Promise<Reshaped<ShadowRequest>> {
  const { exchange, body, order } = copy;
  const service = shadowOf(copy);
  const request = buildShadowRequest({
    exchange,
    service,
    body,
    markKey: parts.markKey,
    order,
    epoch: epochOf(exchange),
    rewrite,
  });
  return parts.transforms.copy(request, exchange);
}
