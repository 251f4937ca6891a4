-- How large repositories were, and what was free at their places: of each day, the last that was known.
CREATE TABLE sizes (
    repository TEXT NOT NULL,
    day        INTEGER NOT NULL, -- since the epoch, in UTC
    time       INTEGER NOT NULL,
    stored     INTEGER NOT NULL,
    free       INTEGER,
    total      INTEGER,
    PRIMARY KEY (repository, day)
) STRICT, WITHOUT ROWID;
