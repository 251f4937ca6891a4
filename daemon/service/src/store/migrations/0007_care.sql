-- How repositories are cared for: when what is done to each was seen to, as `jobs` has it.
CREATE TABLE care (
    repository  TEXT NOT NULL,
    operation   TEXT NOT NULL,
    known_since INTEGER NOT NULL,
    seen_last   INTEGER,
    seen_newest INTEGER,
    PRIMARY KEY (repository, operation)
) STRICT, WITHOUT ROWID;

CREATE INDEX runs_of_repository ON runs (repository, operation, id) WHERE job IS NULL;

-- What checks leave to those after them.
CREATE TABLE checks (
    repository TEXT PRIMARY KEY,
    read_up_to TEXT, -- the stored data, as JSON
    damage     TEXT  -- found when it was read, as the failure of that check in JSON, until a check that reads finds none
) STRICT, WITHOUT ROWID;
