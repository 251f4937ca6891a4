-- Who did what: the canonical form of each record, and its hash. See docs/audit.md.
CREATE TABLE audit (
    seq    INTEGER PRIMARY KEY, -- from 1, without gaps
    record TEXT NOT NULL,
    hash   TEXT NOT NULL
) STRICT;
