import type { RedactionRules } from "./redaction-rules.ts";

/** How the parts of one exchange are shown; the same content is shown in the same way throughout. */
export interface Masking {
  readonly rules: RedactionRules;
  /** Text of any kind, with what is known or looks to be secret taken out of it. */
  text(text: string): string;
  /** One value that stands for itself: a string, digits. */
  content(content: string): string;
  /** A whole value is secret, and so is the same text elsewhere. */
  whole(content: string): string;
  /** The same text is secret elsewhere. */
  remember(content: string): void;
  /** Stands in for it, and says nothing of the same text elsewhere. */
  mask(content: string): string;
  /** Keyed, 32 hex digits. */
  digest(bytes: Uint8Array): string;
  /** Path and query. */
  target(): string;
  isSecretHeader(name: string): boolean;
}
