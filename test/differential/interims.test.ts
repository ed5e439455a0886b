import { INTERIMS } from "./cases/interims.ts";
import { testThroughCrossfade } from "./differ.ts";

testThroughCrossfade("interim answers", "resetting", INTERIMS);
