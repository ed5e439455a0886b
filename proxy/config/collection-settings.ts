/** Rows that are brought over and compared: a part of `Settings`. */
import type { ColumnKind } from "../rows/rows.ts";
import type { CompareSettings } from "./compare-settings.ts";
import type { Effects, Locator } from "./terms.ts";

/** How the rows are told that a list holds. Names of parameters are of the query. */
export type RowListPaging =
  /** The parameters take the last key that is known, one for each of its columns; what comes is sorted by it. */
  | { readonly by: "key"; readonly after: readonly string[] }
  /** Each answer tells where it goes on: a value for the parameter, or (null) a URL. */
  | { readonly by: "cursor"; readonly cursor: string | null; readonly next: Locator }
  | { readonly by: "page"; readonly page: string; readonly first: number }
  /** One answer has them all. */
  | { readonly by: "whole" };

/** Rows behind an API: a list that is read, and an address for each. */
export interface HttpRows {
  readonly kind: "http";
  /** Of the list; secret, since its query may hold a key. */
  readonly url: string;
  /** Names in lower case; values are secret. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** null: as fast as it answers. */
  readonly requestsPerSecond: number | null;
  readonly paging: RowListPaging;
  /** The parameter that takes how many rows are wanted; null: there is none. */
  readonly limit: string | null;
  /** Rows that are asked for at once. */
  readonly pageRows: number;
  /** A pointer to the list within an answer. */
  readonly items: string;
  /** Tells how many rows there are; null: nothing does. */
  readonly total: Locator | null;
  /** The path of one row, of `:column` and fixed parts. */
  readonly item: string;
  /** How a row that is not there is made: PUT to its own path, or POST to the list. */
  readonly create: "PUT" | "POST";
  /** Of members that JSON does not tell the kind of. */
  readonly kinds: Readonly<Record<string, ColumnKind>>;
  /** Members that are neither read nor written. */
  readonly leaveOut: readonly string[];
  /** What writes cause beside the rows; null: nobody said. */
  readonly effects: Effects | null;
}

/** A table of a service's own database, or a list of its API. */
export interface RowPlace {
  readonly database:
    /** `url` is secret: it may hold a password. */
    | { readonly kind: "mysql"; readonly url: string }
    /** `primary`, secret too: what the database at `url` is a replica of. */
    | { readonly kind: "postgres"; readonly url: string; readonly primary?: string }
    | { readonly kind: "sqlite"; readonly file: string }
    | HttpRows;
  /** `users` or `shop.users`; of an API the path of its list. */
  readonly table: string;
  /** Columns; no two rows have the same values in all of them. */
  readonly key: readonly string[];
  /** A column that grows with each change of a row: a row is written over an older version only. null: there is none. */
  readonly version: string | null;
  /** A column that marks deleted rows, which stay so that nothing older brings them back. null: they are gone. */
  readonly tombstone: string | null;
}

/** Rows that are brought over from one service's database to the other's, and compared. */
export interface CollectionSettings {
  readonly name: string;
  /** The route whose writes change these rows. */
  readonly route: string;
  readonly source: RowPlace;
  /** The source itself where the route's services share a database. */
  readonly target: RowPlace;
  /** The source's column that holds what the route's keys call a row (`42` of `users/42`); null: its key, where that is one column. */
  readonly entityId: string | null;
  /** Whole name of the module that makes a row of the target out of one of the source; null: they are the same. */
  readonly transform: string | null;
  /** What becomes of columns, in place of a module; empty: they are the same. */
  readonly columns: readonly ColumnRule[];
  readonly values: CollectionValues;
  /** How changes that came by way of the proxy are marked, in both tables; null: they are not. */
  readonly marks: MarkSettings | null;
  /** The source's column that says when a row was changed last; null: none does. */
  readonly changedAt: string | null;
  /** How often a running proxy has them compared; null: when somebody does. */
  readonly reconcile: ReconcileSchedule | null;
  /** Of its rules; status and headers are of answers only. */
  readonly compare: CompareSettings;
}

/** Of a sample: keys of so many rows are in memory at once, twice. */
export const MOST_SAMPLED = 1_000_000;

export interface ReconcileSchedule {
  /** From the begin of one to that of the next. */
  readonly everyMs: number;
  /** Rows that are drawn from either side; null: all are compared. */
  readonly sample: number | null;
}

/** What a text of a column is made of first, in the order in which it is written. */
export const COLUMN_STEPS = ["trim", "lowercase", "uppercase", "empty-is-null"] as const;
export type ColumnStep = (typeof COLUMN_STEPS)[number];

export type ColumnRule =
  | { readonly to: string; readonly from: string; readonly as: readonly ColumnStep[] }
  /** One value for all rows. */
  | { readonly to: string; readonly value: string | number | boolean | null }
  /** The source's column goes nowhere. */
  | { readonly leaveOut: string };

/** The column of a mark, and of the time of a row's last change; changes before `since` (epoch ms) are not counted. */
export interface MarkSettings {
  readonly column: string;
  /** In lower case: Crossfade puts the first mark of `is` into it, for the services to store. null: they know themselves. */
  readonly header: string | null;
  readonly is: readonly string[];
  readonly changedAt: string;
  readonly since: number;
}

/** Ids of rows that are others at next. */
export interface CollectionValues {
  /** The source's column and the made row's that hold one id as each service calls it. */
  readonly learn: readonly { readonly from: string; readonly to: string; readonly kind: string }[];
  /** Columns of made rows that hold legacy's ids of other rows. */
  readonly apply: readonly { readonly at: string; readonly kind: string }[];
}
