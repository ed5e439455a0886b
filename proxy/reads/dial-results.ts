/**
 * next: it answered · pinned: legacy did, since something that the read is about was written and is not confirmed, or rests, or nobody
 * could tell · asked-again: next gave no answer, or an error, and legacy's word counted
 */
export type DialResult = "next" | "pinned" | "asked-again";
