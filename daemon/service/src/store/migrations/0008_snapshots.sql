-- Snapshots that the daemon knows of, and what they do not say themselves.
CREATE TABLE snapshots (
    repository    TEXT NOT NULL,
    id            TEXT NOT NULL,
    job           TEXT NOT NULL,
    arrival       INTEGER NOT NULL, -- their order; those of which it learnt together have the same
    verified      INTEGER NOT NULL DEFAULT 0,
    date_accepted INTEGER NOT NULL DEFAULT 0,
    forgotten     TEXT, -- by this run, which may bring it back
    PRIMARY KEY (repository, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX snapshots_of_job ON snapshots (repository, job, arrival);

INSERT OR IGNORE INTO snapshots (repository, id, job, arrival)
    SELECT repository, json_extract(record, '$.snapshot'), job, row_number() OVER (ORDER BY id)
    FROM runs
    WHERE job IS NOT NULL AND operation = 'backup' AND result IN ('success', 'partial')
        AND json_extract(record, '$.snapshot') IS NOT NULL
    ORDER BY id;
