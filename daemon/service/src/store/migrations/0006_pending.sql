-- What jobs are to start for that could not when it came, such as a device while the job was paused; of each the last.
CREATE TABLE pending (
    job      TEXT PRIMARY KEY,
    trigger  TEXT NOT NULL,
    metadata TEXT NOT NULL CHECK (json_valid(metadata))
) STRICT, WITHOUT ROWID;
