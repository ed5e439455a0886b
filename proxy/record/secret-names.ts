/**
 * Names under which secrets travel: of JSON members, headers, query parameters, path segments. Case and separators do
 * not matter: `apiKey`, `API_KEY` and `x-api-key` are one.
 */

/** The whole name. */
const NAMES: ReadonlySet<string> = new Set([
  "auth",
  "bearer",
  "cookie",
  "cookies",
  "cvv2",
  "iban",
  "jsessionid",
  "nonce",
  "passcode",
  "phpsessid",
  "pin",
  "pincode",
  "pwd",
  "session",
  "sessionid",
  "sessionkey",
  "setcookie",
  "sid",
  "sig",
  "signature",
  "ssn",
  "totp",
]);

/** Any word of the name. */
const WORDS: ReadonlySet<string> = new Set([
  "authorization",
  "credential",
  "credentials",
  "csrf",
  "cvc",
  "cvv",
  "jwt",
  "otp",
  "secret",
  "secrets",
  "ssn",
  "token",
  "tokens",
  "xsrf",
]);

/** Anywhere in the name, its words run together. */
const PARTS: readonly string[] = [
  "accesskey",
  "accesstoken",
  "apikey",
  "authtoken",
  "cardnumber",
  "clientsecret",
  "creditcard",
  "encryptionkey",
  "idtoken",
  "passphrase",
  "passwd",
  "password",
  "privatekey",
  "refreshtoken",
  "secretkey",
  "securitycode",
  "sessiontoken",
  "signingkey",
];

/** Last words of names that tell about a secret without being one: `tokenType`, `password_changed_at`, `tokens_count`. */
const HARMLESS_ENDS: ReadonlySet<string> = new Set([
  "at",
  "count",
  "enabled",
  "expiration",
  "expires",
  "expiry",
  "in",
  "length",
  "limit",
  "limits",
  "policy",
  "required",
  "ttl",
  "type",
  "types",
]);

const known = new Map<string, boolean>();
const KNOWN_MAX = 10_000;

export function isSecretName(name: string): boolean {
  let secret = known.get(name);
  if (secret !== undefined) return secret;
  secret = decide(name);
  // The same few names come again and again; names that a client makes up must not fill the memory.
  if (known.size >= KNOWN_MAX) known.clear();
  if (name.length <= 100) known.set(name, secret);
  return secret;
}

function decide(name: string): boolean {
  const words = name
    .normalize("NFKC")
    .replace(/([a-z0-9])([A-Z])/g, "$1 $2")
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== "");
  if (words.length === 0) return false;
  const joined = words.join("");
  if (NAMES.has(joined)) return true;
  if (words.length > 1 && HARMLESS_ENDS.has(words[words.length - 1] as string)) return false;
  return words.some((word) => WORDS.has(word)) || PARTS.some((part) => joined.includes(part));
}

const BEFORE_COLON = /^\s*:/;

/**
 * False only where no member of the JSON text, or of any line of it, has a secret's name: most bodies have none, and reading
 * one exactly costs many times more. Without a backslash a name is what stands between two quotation marks before a colon;
 * which of them begin a string is not asked, since a broken line would confuse all that follow.
 */
export function mayNameSecrets(text: string): boolean {
  if (text.includes("\\")) return true;
  const parts = text.split('"');
  for (let i = 1; i + 1 < parts.length; i += 1) {
    if (BEFORE_COLON.test(parts[i + 1] as string) && isSecretName(parts[i] as string)) return true;
  }
  return false;
}

/** Headers whose value is never shown. Names in lower case. */
const SECRET_HEADERS: ReadonlySet<string> = new Set([
  "authorization",
  "proxy-authorization",
  "authentication-info",
  "proxy-authentication-info",
  "cookie",
  "set-cookie",
  "x-api-key",
  "x-auth",
  "x-auth-token",
  "x-amz-security-token",
  "x-amz-signature",
  "x-goog-iap-jwt-assertion",
  "x-forwarded-access-token",
  "x-client-cert",
  "x-forwarded-client-cert",
  "x-hub-signature",
  "x-hub-signature-256",
]);

export function isSecretHeader(name: string): boolean {
  return SECRET_HEADERS.has(name) || isSecretName(name);
}

/** What follows one of these in a path is secret: `/reset/4f9a…`, `/invitations/4f9a…/accept`. */
const SECRET_FOLLOWS: ReadonlySet<string> = new Set([
  "activate",
  "activation",
  "apikey",
  "apikeys",
  "confirm",
  "confirmation",
  "invitation",
  "invitations",
  "invite",
  "invites",
  "magic",
  "magiclink",
  "otp",
  "password",
  "passwordreset",
  "passwords",
  "reset",
  "resetpassword",
  "secret",
  "secrets",
  "session",
  "token",
  "tokens",
  "unsubscribe",
  "verification",
  "verify",
]);

/** Words of an API's own that may follow; anything else there is taken for the secret. */
const ROUTE_WORDS: ReadonlySet<string> = new Set([
  "accept",
  "change",
  "complete",
  "confirm",
  "decline",
  "edit",
  "email",
  "forgot",
  "forgotten",
  "introspect",
  "me",
  "new",
  "password",
  "refresh",
  "request",
  "resend",
  "reset",
  "revoke",
  "token",
  "update",
  "validate",
  "verify",
]);

export function secretFollows(segment: string): boolean {
  return SECRET_FOLLOWS.has(segment.toLowerCase().replace(/[^a-z0-9]+/g, ""));
}

export function isRouteWord(segment: string): boolean {
  return ROUTE_WORDS.has(segment.toLowerCase());
}
