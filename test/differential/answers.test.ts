import { ANSWERS } from "./cases/answers.ts";
import { testThroughCrossfade } from "./differ.ts";

testThroughCrossfade("answers", "gone", ANSWERS);
