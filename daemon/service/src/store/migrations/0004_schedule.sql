-- Up to which elapse a job's schedule was seen to: by the clock as it was then, and the newest of all.
ALTER TABLE jobs ADD COLUMN seen_last INTEGER;
ALTER TABLE jobs ADD COLUMN seen_newest INTEGER;

-- Jobs that do not start by themselves; the empty name is all of them.
CREATE TABLE pauses (
    job    TEXT PRIMARY KEY,
    since  INTEGER NOT NULL,
    until  INTEGER,
    reason TEXT
) STRICT, WITHOUT ROWID;
