-- Copies of jobs have schedules as the care of repositories has: that has no job.
CREATE TABLE cares (
    job         TEXT NOT NULL, -- empty for none
    repository  TEXT NOT NULL,
    operation   TEXT NOT NULL,
    known_since INTEGER NOT NULL,
    seen_last   INTEGER,
    seen_newest INTEGER,
    PRIMARY KEY (repository, operation, job)
) STRICT, WITHOUT ROWID;
INSERT INTO cares SELECT '', repository, operation, known_since, seen_last, seen_newest FROM care;
DROP TABLE care;
ALTER TABLE cares RENAME TO care;

CREATE INDEX runs_copied ON runs (job, repository, id) WHERE operation = 'copy';
