/** Points in time in the spellings that services use, read without rounding. */
import { decimalOf, type Decimal, numberInText } from "./decimal.ts";

/** Longer texts are no instant: fractions of a second end somewhere. */
const LONGEST = 64;

const ISO =
  /^([+-]\d{6}|\d{4})-(\d\d)-(\d\d)(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?(?: ?([Zz]|[+-]\d\d(?::?\d\d)?))?)?$/;
/** RFC 9110, 5.6.7 (IMF-fixdate) and RFC 5322, 3.3; the day's name says nothing new. */
const MAIL =
  /^(?:(?:mon|tue|wed|thu|fri|sat|sun), )?(\d{1,2}) (jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec) (\d{4}) (\d\d):(\d\d)(?::(\d\d))? (gmt|utc|ut|z|[+-]\d{4})$/i;
const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/** Seconds since 1970, or null where the text is none: ISO 8601 (without zone: UTC), RFC 1123, or digits since 1970. */
export function instantOfText(text: string): Decimal | null {
  if (text.length > LONGEST) return null;
  const trimmed = text.trim();
  return isoInstant(trimmed) ?? mailInstant(trimmed) ?? epochInstant(numberInText(trimmed));
}

/**
 * Seconds since 1970, or null. What the unit is follows from the size, as no service tells of the year 5000: below 1e11
 * seconds, below 1e14 milliseconds (from 1973 on), below 1e17 microseconds, else nanoseconds. `raw` is a JSON number.
 */
export function epochInstant(raw: string | null): Decimal | null {
  const decimal = raw === null || raw.length > LONGEST ? null : decimalOf(raw);
  if (decimal === null || raw === null) return null;
  const size = Math.abs(Number(raw));
  if (size >= 1e20) return null;
  const unit = size < 1e11 ? 0 : size < 1e14 ? 3 : size < 1e17 ? 6 : 9;
  return { units: decimal.units, exponent: decimal.exponent - unit };
}

/** The one text of an instant. */
export function spellInstant({ units, exponent }: Decimal): string {
  if (units === 0n) return "0";
  let digits = units.toString();
  let power = exponent;
  while (digits.endsWith("0")) {
    digits = digits.slice(0, -1);
    power += 1;
  }
  return `${digits}e${power}`;
}

function isoInstant(text: string): Decimal | null {
  const [, year, month, day, hour = "0", minute = "0", second = "0", fraction = "", zone = "Z"] = ISO.exec(text) ?? [];
  if (year === undefined || month === undefined || day === undefined) return null;
  return assemble([year, month, day, hour, minute, second].map(Number), fraction, zone);
}

function mailInstant(text: string): Decimal | null {
  const [, day, month, year, hour, minute, second = "0", zone = "Z"] = MAIL.exec(text) ?? [];
  if (month === undefined) return null;
  const at = MONTHS.indexOf(month.toLowerCase()) + 1;
  return assemble([Number(year), at, Number(day), Number(hour), Number(minute), Number(second)], "", zone);
}

function assemble(fields: readonly number[], fraction: string, zone: string): Decimal | null {
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = fields;
  // 24:00 is the end of the day (ISO 8601), :60 a leap second.
  const wholeDay = hour === 24 && minute === 0 && second === 0 && /^0*$/.test(fraction);
  if ((hour > 23 && !wholeDay) || minute > 59 || second > 60) return null;
  const offset = zoneMinutes(zone);
  if (offset === null) return null;
  const start = new Date(0).setUTCFullYear(year, month - 1, day);
  const date = new Date(start);
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return null;
  const seconds = start / 1000 + hour * 3600 + (minute - offset) * 60 + second;
  return {
    units: BigInt(seconds) * 10n ** BigInt(fraction.length) + BigInt(fraction || 0),
    exponent: -fraction.length,
  };
}

function zoneMinutes(zone: string): number | null {
  const [, sign, hours, minutes = "0"] = /^([+-])(\d\d):?(\d\d)?$/.exec(zone) ?? [];
  if (hours === undefined) return 0;
  if (Number(hours) > 23 || Number(minutes) > 59) return null;
  const size = Number(hours) * 60 + Number(minutes);
  return sign === "-" ? -size : size;
}
