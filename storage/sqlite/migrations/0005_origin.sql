-- Versions with their origin. It stands before the body, so that who reads events alone need not pass over bodies.
CREATE TABLE version_with_origin (
	instant   INTEGER PRIMARY KEY, -- microseconds since 1970
	partition TEXT    NOT NULL,
	type      TEXT    NOT NULL,
	id        TEXT    NOT NULL,
	number    INTEGER NOT NULL,
	method    INTEGER NOT NULL,
	origin    TEXT    NOT NULL,    -- '' for none
	body      BLOB                 -- NULL for a deletion
);
INSERT INTO version_with_origin (instant, partition, type, id, number, method, origin, body)
	SELECT instant, partition, type, id, number, method, '', body FROM version ORDER BY instant;
DROP TABLE version;
ALTER TABLE version_with_origin RENAME TO version;
CREATE UNIQUE INDEX version_key ON version (partition, type, id, number);
CREATE INDEX version_feed ON version (partition, type, instant);
