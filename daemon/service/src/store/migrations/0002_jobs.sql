-- When the daemon first saw a job: one that never ran is late from then on.
CREATE TABLE jobs (
    name        TEXT PRIMARY KEY,
    known_since INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
