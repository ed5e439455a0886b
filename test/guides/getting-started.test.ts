import { test } from "node:test";
import { startFollower } from "./follow.ts";

test("who does what getting started says gets what it says", async (t) => {
  const reader = await startFollower(t);
  await reader.follow("docs/getting-started.md");
});
