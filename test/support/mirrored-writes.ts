import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import type { Exchange } from "../../proxy/exchange.ts";
import { compileRouter } from "../../proxy/route/router.ts";
import { settingsOf } from "./config-file.ts";

export const JSON_HEADERS = ["content-type", "application/json"];

/** Writes that legacy took and next is to get, as the routes of this configuration see them. */
export function mirroredWrites(t: TestContext, yaml: string): (method: string, target: string) => Exchange {
  const { settings } = settingsOf(t, yaml);
  const router = compileRouter(settings.routes);
  return (method, target) => {
    const asked = { method, target, path: target, query: "", headers: JSON_HEADERS };
    const request = { ...asked, remoteAddress: "::1", scheme: "http" } as const;
    const found = router.match(request);
    assert.ok(found !== null);
    return {
      id: "01",
      arrivedAt: 0,
      snapshot: { revision: 1, settings, router, epochs: new Map() },
      request,
      ...found,
      plan: { mirror: true, primary: "legacy", shadow: "next", requestClass: "write" },
      traceId: "0",
      trace: null,
    };
  };
}
