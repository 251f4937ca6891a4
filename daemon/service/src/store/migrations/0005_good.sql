-- The newest good backup of a job: health is derived from it, and it never expires.
CREATE INDEX runs_good ON runs (job, id) WHERE operation = 'backup' AND result IN ('success', 'partial');
