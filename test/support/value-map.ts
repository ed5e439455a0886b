import { PairBook } from "../../proxy/mirror/values/pair-book.ts";
import { ClientValues } from "../../proxy/mirror/values/client-values.ts";
import { createSeal, type Seal } from "../../proxy/mirror/values/seal.ts";
import { ValueMap } from "../../proxy/mirror/values/value-map.ts";
import type { Clock, Store } from "../../proxy/ports.ts";
import { keyedHash } from "../../proxy/record/keyed-hash.ts";
import { readBodyForValues } from "../../proxy/ids/value-bodies.ts";

export function testSeal(key: Buffer = Buffer.alloc(32, 9)): Seal {
  return createSeal(key, keyedHash(key));
}

/** What a client says, for its primary, over a store. */
export function testClientValues(store: Pick<Store, "teachValues" | "findValues">, clock: Clock): ClientValues {
  const caught = (): void => undefined;
  const book = new PairBook({ store, seal: testSeal(), clock, isShared: false, retryForMs: 500, caught });
  return new ClientValues({ book, readBody: readBodyForValues });
}

/** A value map over a store, as main.ts builds it. */
export function testValueMap(
  store: Pick<Store, "teachValues" | "findValues">,
  clock: Clock,
  caught: (step: string, error: unknown) => void = () => undefined,
): ValueMap {
  return new ValueMap({
    book: new PairBook({ store, seal: testSeal(), clock, isShared: false, retryForMs: 500, caught }),
    readBody: readBodyForValues,
    now: clock.now,
    monotonic: clock.monotonic,
  });
}
