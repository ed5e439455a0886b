/** What the primary's answer to a create says, handed to the shadow's create. */
import type { GivenValue } from "../../config/settings.ts";
import type { RawHeaders } from "../../exchange.ts";
import { formatPointer, parsePointer } from "../../json/pointer.ts";
import { findScalars, placeForMember } from "../../json/read-pointer.ts";
import type { Documents, Edit } from "./documents.ts";
import { findInAnswer, type FoundValue } from "./places.ts";

export interface Gift {
  readonly at: GivenValue["at"];
  readonly value: Pick<FoundValue, "text" | "spelling">;
}

/** What there is to give; of a place that says several values, none. */
export function giftsOf(answer: Documents, given: readonly GivenValue[]): Gift[] {
  return given.flatMap(({ from, at }) => {
    const isUrl = from.source === "answer-header" && (from.name === "location" || from.name === "content-location");
    const part = isUrl ? ({ kind: "segment", number: -1 } as const) : ({ kind: "whole" } as const);
    const [value, ...more] = findInAnswer(answer, [{ at: from, kind: "", part }]);
    return value === undefined || more.length > 0 ? [] : [{ at, value }];
  });
}

/** With the headers that are given in place of those that the client sent. */
export function withGivenHeaders(headers: RawHeaders, gifts: readonly Gift[]): string[] {
  const own = gifts.filter(({ at }) => at.source === "header");
  const kept: string[] = [];
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] as string;
    if (!own.some(({ at }) => at.name === name.toLowerCase())) kept.push(name, headers[i + 1] as string);
  }
  for (const { at, value } of own) if (isHeaderText(value.text)) kept.push(at.name, value.text);
  return kept;
}

function isHeaderText(text: string): boolean {
  return /^[\t\x20-\x7e\x80-\xff]*$/.test(text);
}

/** Of a body: what is there is replaced, what is not becomes a member of the object that would hold it. */
export function givenEdits({ body, form }: Documents, gifts: readonly Gift[]): Edit[] {
  if (body === null || form !== "json") return [];
  return gifts.flatMap(({ at, value }): Edit[] => {
    if (at.source !== "body") return [];
    const text = value.spelling === "number" ? value.text : JSON.stringify(value.text);
    const there = findScalars(body, at.name, 1)[0];
    if (there !== undefined) return [{ in: "body", start: there.start, end: there.end, text }];
    const tokens = parsePointer(at.name) ?? [];
    const name = tokens.pop();
    const place = placeForMember(body, formatPointer(tokens));
    if (name === undefined || place === null) return [];
    const member = `${JSON.stringify(name)}:${text}${place.isEmpty ? "" : ","}`;
    return [{ in: "body", start: place.at, end: place.at, text: member }];
  });
}
