-- Where repositories were before they were moved, and still lie.
CREATE TABLE moves (
    repository TEXT PRIMARY KEY NOT NULL,
    place      TEXT NOT NULL, -- keys of its file, as TOML
    contents   TEXT NOT NULL, -- tells the snapshots that were there then
    moved      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
