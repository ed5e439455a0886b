import { CONNECTIONS } from "./cases/connections.ts";
import { testThroughCrossfade } from "./differ.ts";

testThroughCrossfade("connections", "well", CONNECTIONS);
