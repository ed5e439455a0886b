import { UPLOADS } from "./cases/uploads.ts";
import { testThroughCrossfade } from "./differ.ts";

testThroughCrossfade("request bodies", "hanging", UPLOADS);
