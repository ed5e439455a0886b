import { join } from "node:path";

/**
 * What tests start as `crossfade`: the sources, or what a whole run has made of them once (deploy/test-cli.mjs), which starts in
 * two thirds of the time.
 */
export const ENTRY = process.env["CROSSFADE_TEST_CLI"] ?? join(import.meta.dirname, "../../proxy/cli/main.ts");
