-- Runs: the columns that are searched, and the whole record as JSON.
CREATE TABLE runs (
    id         TEXT PRIMARY KEY,
    job        TEXT,
    repository TEXT NOT NULL,
    operation  TEXT NOT NULL,
    trigger    TEXT NOT NULL,
    state      TEXT NOT NULL,
    result     TEXT,
    queued     INTEGER NOT NULL, -- microseconds since the epoch, as all times here
    finished   INTEGER,
    expires    INTEGER,
    record     TEXT NOT NULL CHECK (json_valid(record))
) STRICT, WITHOUT ROWID;

CREATE INDEX runs_of_job ON runs (job, id);
CREATE INDEX runs_unfinished ON runs (id) WHERE state <> 'finished';
CREATE INDEX runs_expiring ON runs (expires) WHERE expires IS NOT NULL;
