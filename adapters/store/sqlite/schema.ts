/**
 * The tables of the store, and how an older file becomes this one. Every integer is a count, a sequence number or
 * epoch ms, all below 2^53: what may be larger (values that differ, ids) is text. So rows are read as plain numbers.
 */

/** "CRFD": tells our file from any other SQLite database (PRAGMA application_id). */
export const APPLICATION_ID = 0x43524644;

/** What must not be forgotten. The others hold evidence. */
export const ESSENTIAL_TABLES = [
  "life",
  "route_total",
  "outcome_total",
  "repair",
  "gap",
  "override",
  "audit",
  "gate_evidence",
  "row_job",
  "phase",
  "leaning",
] as const;

/** What is brought out of a damaged file. Pairs of values may be millions: no start examines them. */
export const SALVAGED_TABLES = [...ESSENTIAL_TABLES, "value_pair"] as const;

/** One entry for each step forward; `PRAGMA user_version` is how many of them a file has had. Entries never change. */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE life (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    generation INTEGER NOT NULL,
    -- The process life that has the file open or had it last, and how many of its batches are committed.
    run TEXT NOT NULL,
    last_batch INTEGER NOT NULL,
    -- Everything appended before this moment is durable.
    heartbeat INTEGER NOT NULL,
    clean INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE route_total (
    route TEXT PRIMARY KEY,
    eligible INTEGER NOT NULL,
    settled INTEGER NOT NULL,
    -- Reads that were compared: counted for shares only, since reads are otherwise counted per process life.
    compared_reads INTEGER NOT NULL,
    -- The last moment at which every eligible write had its outcome.
    balanced_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE outcome_total (
    route TEXT NOT NULL,
    outcome TEXT NOT NULL,
    -- Empty where the outcome has none.
    reason TEXT NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (route, outcome, reason)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE divergence (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    at_ms INTEGER NOT NULL,
    route TEXT NOT NULL,
    outcome TEXT NOT NULL,
    group_id TEXT,
    -- ",value,type,": the kinds among its differences.
    kinds TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    -- 0: none, 1: its group's first, 2: its group's last, 3: drawn.
    sample INTEGER NOT NULL,
    record TEXT NOT NULL
  ) STRICT;
  CREATE INDEX divergence_by_route ON divergence (route);
  CREATE INDEX divergence_by_outcome ON divergence (outcome);
  CREATE INDEX divergence_by_time ON divergence (at_ms);
  CREATE INDEX divergence_by_group ON divergence (group_id) WHERE group_id IS NOT NULL;
  CREATE INDEX divergence_samples ON divergence (group_id, sample) WHERE sample > 0;
  CREATE INDEX divergence_evictable ON divergence (at_ms, bytes) WHERE sample = 0;

  CREATE TABLE divergence_group (
    id TEXT PRIMARY KEY,
    route TEXT NOT NULL,
    method TEXT NOT NULL,
    signature TEXT NOT NULL,
    count INTEGER NOT NULL,
    first_ms INTEGER NOT NULL,
    last_ms INTEGER NOT NULL,
    first_build TEXT,
    state TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX group_by_last ON divergence_group (last_ms);

  CREATE TABLE repair (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    route TEXT NOT NULL,
    -- 1: the whole collection; then key is empty.
    whole INTEGER NOT NULL,
    key TEXT NOT NULL,
    reason TEXT NOT NULL,
    exchange_id TEXT NOT NULL,
    since TEXT NOT NULL,
    times INTEGER NOT NULL,
    UNIQUE (route, whole, key)
  ) STRICT;

  CREATE TABLE gap (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    route TEXT NOT NULL,
    from_ms INTEGER NOT NULL,
    to_ms INTEGER,
    why TEXT NOT NULL,
    -- 1: recorded at an opening, because the run before had ended uncleanly.
    unclean_end INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX gap_by_route ON gap (route);
  `,
  `
  ALTER TABLE divergence_group ADD COLUMN failure INTEGER NOT NULL DEFAULT 0;
  -- Divergences that follow from one of the group's.
  ALTER TABLE divergence_group ADD COLUMN tainted INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE divergence_group ADD COLUMN last_build TEXT;
  -- JSON: what an operator said last.
  ALTER TABLE divergence_group ADD COLUMN decision TEXT;
  -- Compared exchanges of its route when it was first and last seen.
  ALTER TABLE divergence_group ADD COLUMN compared_first INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE divergence_group ADD COLUMN compared_last INTEGER NOT NULL DEFAULT 0;
  UPDATE divergence_group SET compared_last =
    (SELECT CAST(total(count) AS INTEGER) FROM outcome_total AS o
     WHERE o.route = divergence_group.route AND outcome IN ('match', 'ignored', 'divergent'))
    + ifnull((SELECT compared_reads FROM route_total AS t WHERE t.route = divergence_group.route), 0);
  UPDATE divergence_group SET compared_first = compared_last;

  -- How often each group was seen in each of its last 24 hours since 1970.
  CREATE TABLE group_hour (
    group_id TEXT NOT NULL,
    hour INTEGER NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (group_id, hour)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- The oldest schema whose Crossfade can still work with this file: see OLDEST_READER.
  CREATE TABLE reader (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    oldest INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE override (
    -- Empty: all routes.
    route TEXT NOT NULL,
    setting TEXT NOT NULL,
    -- JSON.
    override TEXT NOT NULL,
    PRIMARY KEY (route, setting)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE audit (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    -- JSON.
    entry TEXT NOT NULL
  ) STRICT;
  `,
  `
  -- What is known of places in answers: counts and keyed hashes, no values.
  CREATE TABLE noise_place (
    route TEXT NOT NULL,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    at TEXT NOT NULL,
    last_ms INTEGER NOT NULL,
    -- JSON: counts, classes, hashes.
    known TEXT NOT NULL,
    PRIMARY KEY (route, method, path, at)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX noise_place_by_last ON noise_place (last_ms);
  `,
  `
  -- Exchanges kept whole, a few of each bucket.
  CREATE TABLE pair (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    at_ms INTEGER NOT NULL,
    route TEXT NOT NULL,
    bucket TEXT NOT NULL,
    group_id TEXT,
    outcome TEXT NOT NULL,
    -- As it is shown; NULL: it has none.
    key TEXT,
    bytes INTEGER NOT NULL,
    pair TEXT NOT NULL
  ) STRICT;
  CREATE INDEX pair_by_bucket ON pair (bucket, seq);
  CREATE INDEX pair_by_time ON pair (at_ms);
  CREATE INDEX pair_by_route ON pair (route, seq);
  `,
  `
  -- Everything that the journal's records up to this position count is in the tables above.
  CREATE TABLE journal_mark (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    position INTEGER NOT NULL
  ) STRICT;
  INSERT INTO journal_mark (only, position) VALUES (1, 0);
  `,
  `
  -- One more each time the key is marked again.
  ALTER TABLE repair ADD COLUMN revision INTEGER NOT NULL DEFAULT 1;
  UPDATE repair SET revision = times;
  ALTER TABLE repair ADD COLUMN not_before_ms INTEGER;
  -- Where the entity stands, encrypted; and whether a write went to a part of it.
  ALTER TABLE repair ADD COLUMN place TEXT;
  ALTER TABLE repair ADD COLUMN part INTEGER NOT NULL DEFAULT 0;
  -- Of attempts at this revision.
  ALTER TABLE repair ADD COLUMN parked INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE repair ADD COLUMN attempts INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE repair ADD COLUMN next_try_ms INTEGER;
  ALTER TABLE repair ADD COLUMN last_error TEXT;
  -- JSON, redacted.
  ALTER TABLE repair ADD COLUMN evidence TEXT;
  `,
  `
  -- What was counted for the gate: counts alone, one row a route.
  CREATE TABLE gate_evidence (
    route TEXT PRIMARY KEY,
    -- JSON.
    known TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- What a value of one service is at the other: keyed hashes, and both texts encrypted.
  CREATE TABLE value_pair (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    legacy TEXT NOT NULL,
    next TEXT NOT NULL,
    -- NULL: the two are the same.
    sealed TEXT,
    at_ms INTEGER NOT NULL,
    -- NULL: it stays.
    until_ms INTEGER,
    UNIQUE (kind, legacy),
    UNIQUE (kind, next)
  ) STRICT;
  CREATE INDEX value_pair_by_end ON value_pair (until_ms) WHERE until_ms IS NOT NULL;
  `,
  `
  -- The phases of routes, where something else than the file says them, or has said them before.
  CREATE TABLE phase (
    route TEXT PRIMARY KEY,
    -- JSON.
    kept TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- How jobs over the rows of collections ended last.
  CREATE TABLE row_job (
    name TEXT PRIMARY KEY,
    -- JSON.
    ended TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- What leaned on legacy or on Crossfade: counts alone.
  CREATE TABLE leaning (
    route TEXT NOT NULL,
    kind TEXT NOT NULL,
    times INTEGER NOT NULL,
    first_ms INTEGER NOT NULL,
    last_ms INTEGER NOT NULL,
    PRIMARY KEY (route, kind)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- Which service may miss what the other has; NULL: not known, or both.
  ALTER TABLE gap ADD COLUMN misses TEXT;
  ALTER TABLE repair ADD COLUMN misses TEXT;
  -- The revision that it was said of: a version that knows nothing of it marks keys without it.
  ALTER TABLE repair ADD COLUMN misses_of INTEGER;

  -- Who gets the copies of a route, as the process of that generation said last.
  CREATE TABLE shadow (
    route TEXT PRIMARY KEY,
    service TEXT,
    generation INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- Whether the write that made the entity is known not to have reached the shadow.
  ALTER TABLE repair ADD COLUMN uncreated INTEGER NOT NULL DEFAULT 0;
  `,
];

/**
 * The version before this one can work with a file of ours as long as no step took away or renamed what it uses, or added
 * a column without a default: then an update can be taken back without giving up the store. A step that breaks this
 * raises the number to its own. 6: a version that knows no journal would leave it lying, and what it holds would be delivered
 * after newer writes.
 */
export const OLDEST_READER = 6;
