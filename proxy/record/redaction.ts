/**
 * Makes evidence fit to be kept and shown (guarantee G7): before it is queued, stored, logged or sent anywhere. What is
 * redacted: values under names that mean a secret, at any depth; what looks like one (a token, a key, credentials in a
 * URL); what the route's `redact` names and `redactDetect` finds; and wherever any of these turns up again. A keyed hash stands in for it,
 * `[redacted 1f3a9c2e]`, so that same and different stay visible.
 */
import type { Difference } from "../evidence/evidence.ts";
import { type Exchange, headerOf, type RawHeaders, type Settled } from "../exchange.ts";
import { escapeToken, formatPointer, parsePointer } from "../json/pointer.ts";
import { maskDetected } from "./detectors.ts";
import { keyedHash } from "./keyed-hash.ts";
import { KnownSecrets, pathShown, queryShown } from "./known-secrets.ts";
import type { Masking } from "./masking.ts";
import { isPartWord } from "./multipart-parts.ts";
import { type DecodeBody, type PairParts, redactPair } from "./pair-redaction.ts";
import { holdsSecretDocument, redactJsonText } from "./redact-json.ts";
import { RedactionRules } from "./redaction-rules.ts";
import { keySpelling } from "./key-spellings.ts";
import { isSecretHeader } from "./secret-names.ts";
import { type Mask, maskSecretTexts, secretsInText } from "./secret-texts.ts";

/** The parts of a settled exchange that may carry a secret, as they may be shown. */
export interface Redacted {
  readonly path: string;
  readonly query: string | null;
  readonly key: string | null;
  /** The key as the repair list names it: whatever the answers of one exchange held, an entity has one name there. */
  readonly repairKey: string | null;
  readonly build: string | null;
  readonly error: string | null;
  readonly differences: readonly Difference[];
}

/** What is known of a request whose answers are told of. */
export interface Asked extends Pick<Settled, "requestBody" | "key"> {
  readonly exchange: Pick<Exchange, "request" | "params" | "route">;
}

/** Places of an answer without its values, as they may be kept; and the path that was asked for. */
export interface RedactedPlaces {
  readonly path: string;
  readonly key: string | null;
  /** In the order of those that were given; what stands at a secret one may not even be told by its class. */
  readonly places: readonly { readonly at: string; readonly isSecret: boolean }[];
}

/** A pair as it may be kept, its differences as its bodies tell them. */
export type RedactedPair = PairParts & Pick<Redacted, "key" | "build" | "differences">;

export interface Redactor {
  redact(settled: Settled): Redacted;
  redactPlaces(asked: Asked, places: readonly string[]): RedactedPlaces;
  /** The whole exchange, in steps of which none takes longer than a body. null: one is larger than is kept. */
  redactPair(settled: Settled, decode: DecodeBody): Generator<void, RedactedPair | null>;
  /** The key alone: what the repair list holds. */
  redactKey(settled: Settled): string | null;
  /** Tells of keys as evidence shows them, whatever of them was redacted, whether they are this plain one. */
  recognise(plainKey: string): (shown: string) => boolean;
  /** What stands for a text that must not be shown. */
  standIn(text: string): string;
}

const STAND_IN = /\[redacted [0-9a-f]{8}\]/g;
const PATH_MAX_CHARS = 2048;
const TEXT_MAX_CHARS = 1024;
const PLAIN_PLACES_KEPT = 4_000;

/** A request's body without its content coding, as far as it is looked into for secrets; as it is where that cannot be had. */
export type DecodeRequest = (request: { readonly headers: RawHeaders; readonly body: Buffer }) => Buffer;

/** `key`: secret bytes; the same key gives the same stand-ins. */
export function createRedactor(key: Buffer, decodeRequest: DecodeRequest = ({ body }) => body): Redactor {
  const hash = keyedHash(key);
  const mask: Mask = (secret) => `[redacted ${hash(secret).slice(0, 8)}]`;
  return {
    redact: (settled) => new Redaction(settled, mask, decodeRequest).redact(settled),
    redactPlaces: (asked, places) => new Redaction(asked, mask, decodeRequest).places(places),
    redactPair: (settled, decode) => new Redaction(settled, mask, decodeRequest).pair(settled, hash, decode),
    redactKey: (settled) => new Redaction(settled, mask, decodeRequest).key(),
    recognise: (plainKey) => keySpelling(plainKey, mask),
    standIn: mask,
  };
}

/** A pointer with `*` for each stand-in: redaction must not split a group. */
export function withoutStandIns(at: string): string {
  return at.replace(STAND_IN, "*");
}

/** One exchange being redacted. */
class Redaction {
  readonly #asked: Asked;
  readonly #mask: Mask;
  readonly #rules: RedactionRules;
  readonly #secrets: KnownSecrets;
  /** The part of the key that names the entity; null where there is none. */
  readonly #id: string | null;

  constructor(asked: Asked, mask: Mask, decodeRequest: DecodeRequest) {
    const { exchange, requestBody } = asked;
    this.#asked = asked;
    this.#mask = mask;
    this.#rules = RedactionRules.of(exchange.route);
    const plain = requestBody && decodeRequest({ headers: exchange.request.headers, body: requestBody });
    this.#secrets = new KnownSecrets({ exchange, requestBody: plain }, this.#rules);
    this.#id = asked.key === null ? null : idOf(asked.key, asked.exchange.route.entity);
    if (this.#id !== null && this.#rules.keyIsSecret) this.#secrets.add(this.#id);
  }

  redact(settled: Settled): Redacted {
    const { exchange, build, error } = settled;
    this.#noteCookiesSet(settled);
    const repairKey = this.key();
    const differences = settled.differences.map((difference) => this.#difference(difference));
    // From here on the secrets that stood in the answers are known too, and looked for everywhere.
    return {
      path: this.#path(),
      query: this.#query(exchange.request.query),
      key: this.key(),
      repairKey,
      build: build === null ? null : cut(this.#text(build), TEXT_MAX_CHARS),
      error: error === null ? null : cut(this.#text(error), TEXT_MAX_CHARS),
      differences: differences.map((difference) => this.#again(difference)),
    };
  }

  places(places: readonly string[]): RedactedPlaces {
    return { path: this.#path(), key: this.key(), places: places.map((at) => this.#place(at)) };
  }

  /** A pair of answers has a hundred places, and so have the next ones: what can be known of them is known. */
  #place(at: string): RedactedPlaces["places"][number] {
    if (at.startsWith("header:")) {
      const name = at.slice("header:".length);
      return { at, isSecret: isSecretHeader(name) || this.#rules.namesHeader(name) };
    }
    const tokens = this.#rules.plainPlaces.get(at) ?? parsePointer(at) ?? [];
    if (this.#rules.plainPlaces.has(at) && !tokens.some((token) => this.#secrets.has(token)))
      return { at: this.#secrets.mask(at, this.#mask), isSecret: false };
    const shown = this.#secrets.mask(this.#pointer(at), this.#mask);
    const isSecret = this.#rules.isSecretPlace(tokens);
    if (shown === at && !isSecret && this.#rules.plainPlaces.size < PLAIN_PLACES_KEPT)
      this.#rules.plainPlaces.set(at, tokens);
    return { at: shown, isSecret };
  }

  #path(): string {
    const { path } = this.#asked.exchange.request;
    return cut(this.#text(pathShown(path, this.#secrets, this.#mask)), PATH_MAX_CHARS);
  }

  /** Twice: what is secret in any part of it is noted first, and then looked for in everything. */
  *pair(
    settled: Settled,
    hash: (bytes: Uint8Array) => string,
    decode: DecodeBody,
  ): Generator<void, RedactedPair | null> {
    const masking = this.#masking(settled, hash);
    this.#noteCookiesSet(settled);
    if ((yield* redactPair(settled, this.#noting(masking), decode)) === null) return null;
    yield;
    const isOwnWord = partWordsOf(settled);
    const differences = settled.differences.map((difference) => this.#difference(difference, isOwnWord));
    yield;
    const parts = yield* redactPair(settled, masking, decode);
    if (parts === null) return null;
    const { build } = settled;
    return {
      ...parts,
      key: this.key(),
      build: build === null ? null : cut(this.#text(build), TEXT_MAX_CHARS),
      differences: differences.map((difference) => this.#again(difference)),
    };
  }

  /** What a service sets as a cookie, a body may say as well. */
  #noteCookiesSet({ exchange, answers }: Settled): void {
    for (const { headers } of answers === null ? [] : [answers.primary, answers.shadow]) {
      for (let i = 0; i + 1 < headers.length; i += 2) {
        if ((headers[i] as string).toLowerCase() !== "set-cookie") continue;
        this.#secrets.addCookieSet(headers[i + 1] as string, exchange.request.path);
      }
    }
  }

  /** Shows everything, and remembers what is secret in it. */
  #noting(masking: Masking): Masking {
    return {
      ...masking,
      text: (text) => text,
      content: (content) => {
        this.#note(content);
        return content;
      },
      whole: (content) => {
        this.#secrets.addFound(content);
        return content;
      },
      mask: (content) => content,
      digest: () => "",
      target: () => "",
    };
  }

  #masking(settled: Settled, hash: (bytes: Uint8Array) => string): Masking {
    const { path, query } = settled.exchange.request;
    return {
      rules: this.#rules,
      text: (text) => this.#text(text),
      content: (content) => this.#content(content),
      whole: (content) => this.#whole(content),
      remember: (content) => this.#secrets.addFound(content),
      mask: this.#mask,
      digest: (bytes) => hash(bytes).slice(0, 32),
      target: () => {
        const shown = this.#text(pathShown(path, this.#secrets, this.#mask));
        if (query === "") return shown;
        return `${shown}?${this.#text(queryShown(query, this.#rules, this.#secrets, this.#mask))}`;
      },
      isSecretHeader: (name) => isSecretHeader(name) || this.#rules.namesHeader(name),
    };
  }

  #query(query: string): string | null {
    if (query === "") return null;
    return cut(this.#text(queryShown(query, this.#rules, this.#secrets, this.#mask)), PATH_MAX_CHARS);
  }

  key(): string | null {
    const { key } = this.#asked;
    if (key === null) return null;
    const id = this.#id;
    if (id === null || id === "") return this.#text(key);
    const prefix = key.slice(0, key.length - id.length);
    if (prefix.endsWith(":")) return prefix + this.#text(pathShown(id, this.#secrets, this.#mask));
    return this.#text(prefix) + this.#content(id);
  }

  /** Text of any kind, with what is known or looks to be secret taken out of it. */
  #text(text: string): string {
    return this.#secrets.mask(this.#detected(maskSecretTexts(text, this.#mask)), this.#mask);
  }

  #detected(text: string): string {
    const { detectors } = this.#rules;
    return detectors.length === 0 ? text : maskDetected(text, detectors, this.#mask);
  }

  /** One value that stands for itself: a string, an id. */
  #content(content: string): string {
    if (this.#secrets.has(content)) return this.#mask(content);
    if (holdsSecretDocument(content))
      return this.#secrets.mask(
        this.#json(content, [], (text) => this.#content(text)),
        this.#mask,
      );
    this.#secrets.addFromUrl(content);
    return this.#text(content);
  }

  /** Takes what is secret in a value that stands for itself, to look for it everywhere. */
  #note(content: string): void {
    if (this.#secrets.has(content)) return;
    this.#secrets.addFromUrl(content);
    const noted = (text: string): string => {
      this.#note(text);
      return text;
    };
    if (holdsSecretDocument(content)) this.#json(content, [], noted);
    else for (const secret of secretsInText(content)) this.#secrets.addFound(secret);
  }

  #json(text: string, at: readonly string[], shownText: (content: string) => string): string {
    return redactJsonText(text, at, {
      isSecret: (place) => this.#rules.isSecretPlace(place),
      shownText,
      shownNumber: (digits) => this.#detected(digits),
      mask: (content) => this.#whole(content),
    });
  }

  /** A whole value is secret, and so is the same text elsewhere. */
  #whole(content: string): string {
    this.#secrets.addFound(content);
    return this.#mask(content);
  }

  #difference(difference: Difference, isOwnWord: IsOwnWord = NO_OWN_WORDS): Difference {
    const { at, kind, primary, shadow } = difference;
    if (kind === "status") return difference;
    const each = (show: (value: string) => string): Difference => ({
      at: this.#pointer(at, isOwnWord),
      kind,
      primary: primary === null ? null : show(primary),
      shadow: shadow === null ? null : show(shadow),
    });
    if (at.startsWith("header:")) {
      const name = at.slice("header:".length);
      const secret = isSecretHeader(name) || this.#rules.namesHeader(name);
      return each((value) => (secret ? this.#whole(value) : this.#content(value)));
    }
    // Two lengths of an array tell nothing of what is in it.
    if (kind === "length") return each((value) => (/^\d+$/.test(value) ? value : this.#whole(value)));
    const tokens = parsePointer(at);
    if (tokens === null) return each((value) => this.#whole(value));
    return each((value) => {
      if (tokens.length === 0 && COMPARE_WORDS.test(value)) return this.#text(value);
      return this.#json(value, tokens, (content) => this.#content(content));
    });
  }

  /** Names of members may be secret themselves: under a secret name, or where one is known or looks like one. */
  #pointer(at: string, isOwnWord: IsOwnWord = NO_OWN_WORDS): string {
    if (!at.startsWith("/")) return at;
    const tokens = parsePointer(at);
    if (tokens === null) return `/${escapeToken(this.#mask(at))}`;
    return formatPointer(
      tokens.map((token, i) => {
        if (/^\d{1,4}$/.test(token) || isOwnWord(tokens, i)) return token;
        return i > 0 && this.#rules.isSecretPlace(tokens.slice(0, i)) ? this.#whole(token) : this.#content(token);
      }),
    );
  }

  #again({ at, kind, primary, shadow }: Difference): Difference {
    const mask = (value: string): string => this.#secrets.mask(value, this.#mask);
    return { at: mask(at), kind, primary: primary && mask(primary), shadow: shadow && mask(shadow) };
  }
}

/** Whether a token of a place is a word of the comparison itself: such are no secret. */
type IsOwnWord = (tokens: readonly string[], index: number) => boolean;
const NO_OWN_WORDS: IsOwnWord = () => false;

/** The bodies of a pair hold these words at the same places, where what has them is compared again. */
function partWordsOf({ answers }: Settled): IsOwnWord {
  const types = [answers?.primary, answers?.shadow].map((a) => headerOf(a?.headers ?? [], "content-type") ?? "");
  const [type = ""] = types;
  if (!types.every((each) => /^\s*multipart\//i.test(each))) return NO_OWN_WORDS;
  return (tokens, index) => isPartWord(type.trim(), tokens, index);
}

/** What compare says of a body that it does not quote (diff-bodies.ts): `12 bytes, not JSON at byte 3: …`. */
const COMPARE_WORDS = /^\d+ bytes?(?:[ ,]|$)/;

/** `users/42` and `users:/a/path`: what follows the prefix. */
function idOf(key: string, entity: string | null): string | null {
  if (entity !== null && key.startsWith(entity) && /^[/:]/.test(key.slice(entity.length))) {
    return key.slice(entity.length + 1);
  }
  const end = key.search(/[/:]/);
  return end === -1 ? null : key.slice(end + 1);
}

function cut(text: string, maxChars: number): string {
  return text.length <= maxChars ? text : `${text.slice(0, maxChars - 1)}…`;
}
