/** `npm run scale`: what the proxy holds with 10k idle connections, 2k event streams, 500 tunnels and 2 GiB both ways. */
import { join } from "node:path";
import { MIB, runScale, TooFewFiles } from "./scale.ts";

const ENTRY = join(import.meta.dirname, "../../dist/proxy/cli/main.js");

const PLAN = {
  idle: 10_000,
  streams: 2_000,
  tunnels: 500,
  transferBytes: 2048 * MIB,
  mirroredBytes: 200 * MIB,
  bodyOnDiskMib: 256,
};

try {
  const report = await runScale(ENTRY, PLAN, (line) => console.log(line));
  const within = report.peakMib <= report.boundMib;
  console.log(within ? "within the bound" : "BEYOND THE BOUND");
  if (!within) process.exitCode = 1;
} catch (error) {
  console.error(error instanceof TooFewFiles ? error.message : error);
  process.exitCode = 3;
}
