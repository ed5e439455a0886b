/**
 * What became of reading a mirrored write back. equal: both services hold the same · differs: they do not, however often they were
 * asked · key-written-meanwhile: its key was written all the time · unreadable: nothing says where its entity is read · failed: one of
 * them did not say · left-out: too many waited
 */
export const READ_BACK_RESULTS = [
  "equal",
  "differs",
  "key-written-meanwhile",
  "unreadable",
  "failed",
  "left-out",
] as const;
export type ReadBackResult = (typeof READ_BACK_RESULTS)[number];

/** Of one route, since the process began. */
export type ReadBackCounts = Readonly<Record<ReadBackResult, number>>;
