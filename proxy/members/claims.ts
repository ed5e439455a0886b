/** Work that one of several members does for all: a key of the store says whose it is. */

/**
 * true: it is this process's for so long, and was nobody's, or its own. Rejects where the store has no answer. Nothing hangs on
 * its being exact: after a failover of the store two may do at once what is as right when it is done twice.
 */
export type Claim = (what: string, forMs: number) => Promise<boolean>;

/** Nobody shares the store. */
export const ALWAYS_OWN: Claim = () => Promise.resolve(true);
