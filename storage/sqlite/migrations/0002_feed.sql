-- The history of a type, newest first.
CREATE INDEX version_feed ON version (partition, type, instant);
