import { HEADS } from "./cases/heads.ts";
import { testThroughCrossfade } from "./differ.ts";

testThroughCrossfade("request heads", "well", HEADS);
