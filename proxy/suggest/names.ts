/** What the name of a member says about its value. Pure. */

const BUSINESS: ReadonlySet<string> = new Set(
  (
    "total subtotal sum price amount balance quantity qty cost fee tax vat discount rate currency credit debit salary wage " +
    "payment charge refund margin revenue stock inventory count points score weight limit quota percent percentage"
  ).split(" "),
);
/** Names that say nothing themselves: what they are of stands above them. */
const EMPTY_NAMES: ReadonlySet<string> = new Set(
  "value values net gross cents minor units unit raw formatted display current".split(" "),
);
const OWN_ID = /^(?:_?id|_?uuid|guid|ulid|oid|_?rev|etag)$/i;
/** Made anew for each answer. */
const PER_ANSWER =
  /^(?:x-)?(?:request|trace|span|correlation|transaction|session|csrf|xsrf|operation)[-_]?(?:id|token)?$|^(?:nonce|token)$/i;

/** Names on the way to the value, without indices; of a header its name. */
function namesOf(at: string): readonly string[] {
  if (at.startsWith("header:")) return [at.slice("header:".length)];
  return at.split("/").filter((name) => name !== "" && name !== "*");
}

/** Numbers, prices, amounts: what a difference costs somebody. */
export function meansBusiness(at: string): boolean {
  const names = namesOf(at);
  let last = names.length - 1;
  while (last > 0 && wordsOf(names[last] as string).every((word) => EMPTY_NAMES.has(word))) last -= 1;
  return names.slice(Math.max(0, last)).some((name) => wordsOf(name).some((word) => BUSINESS.has(singular(word))));
}

/** The id of the thing itself, not of another one that it names. */
export function isOwnId(at: string): boolean {
  return !at.startsWith("header:") && OWN_ID.test(namesOf(at).at(-1) ?? "");
}

export function isPerAnswer(at: string): boolean {
  return PER_ANSWER.test(namesOf(at).at(-1) ?? "");
}

/** `id`, `orderId`, `order_id`, `order-ids` */
export function isIdName(at: string): boolean {
  const words = wordsOf(namesOf(at).at(-1) ?? "");
  return /^(?:id|uuid|guid|ulid|oid)s?$/.test(words.at(-1) ?? "");
}

function wordsOf(name: string): readonly string[] {
  return name
    .replace(/([a-z\d])([A-Z])/g, "$1 $2")
    .toLowerCase()
    .split(/[^a-z\d]+/)
    .filter((word) => word !== "");
}

function singular(word: string): string {
  return BUSINESS.has(word) ? word : word.replace(/s$/, "");
}
