import assert from "node:assert/strict";
import { test } from "node:test";
import { readNothing } from "../../../proxy/admin/backfill-requests.ts";
import { describeApi } from "../../../proxy/admin/openapi.ts";
import { readRepairRun } from "../../../proxy/admin/repair-request.ts";

interface Document {
  readonly paths: Readonly<
    Record<string, { readonly post?: { readonly requestBody?: { readonly required: boolean } } }>
  >;
}

test("a body that may be left out is not called required", () => {
  const { paths } = describeApi("0") as unknown as Document;
  const optional = Object.entries(paths).flatMap(([path, { post }]) =>
    post?.requestBody?.required === false ? [path] : [],
  );
  assert.deepEqual(optional.sort(), [
    "/api/v1/backfills/{id}/mark",
    "/api/v1/backfills/{id}/window",
    "/api/v1/collections/{name}/begin",
    "/api/v1/repairs/run",
  ]);
  assert.deepEqual(readRepairRun("", "ann", ["users"]), readRepairRun("{}", "ann", ["users"]));
  readNothing("");
});
