/**
 * legacy: it had what next had not, and the client has its answer · neither: it had not either · unasked: it was not asked, since
 * something that the read is about was written and is not confirmed, or rests, or nobody could tell, or all rows are known to be at
 * next · failed: it gave no answer that says, or was left alone after it had given none
 */
export const FALLBACK_RESULTS = ["legacy", "neither", "unasked", "failed"] as const;
export type FallbackResult = (typeof FALLBACK_RESULTS)[number];

/**
 * What became of an entity that legacy had and next had not. copied: next has it, and shows it as legacy does · differs: it has it,
 * and shows it otherwise · there: next had it by then · gone: legacy had it no more · busy: its key was being written · refused: next
 * may not be, or would not be, written to · failed: one of them did not answer
 */
export const COPY_RESULTS = ["copied", "differs", "there", "gone", "busy", "refused", "failed"] as const;
export type CopyResult = (typeof COPY_RESULTS)[number];
