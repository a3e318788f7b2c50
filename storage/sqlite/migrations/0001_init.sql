-- Every version of every resource, written once and never moved. Instants are unique and strictly
-- increase in the order of commits, so that this table is the history and the feed of changes too.
CREATE TABLE version (
	instant   INTEGER PRIMARY KEY, -- microseconds since 1970
	partition TEXT    NOT NULL,
	type      TEXT    NOT NULL,
	id        TEXT    NOT NULL,
	number    INTEGER NOT NULL,
	method    INTEGER NOT NULL,
	body      BLOB                 -- NULL for a deletion
);
CREATE UNIQUE INDEX version_key ON version (partition, type, id, number);

-- The names of parameters as the small numbers that index rows carry; the name '' stands for the type
-- itself. Rows are never changed and never deleted.
CREATE TABLE name (
	number    INTEGER PRIMARY KEY AUTOINCREMENT, -- none is given twice
	partition TEXT NOT NULL,
	type      TEXT NOT NULL,
	param     TEXT NOT NULL,
	UNIQUE (partition, type, param)
);

-- What a search can find: the current, not deleted versions, each with its index entries.
CREATE TABLE live (
	instant INTEGER PRIMARY KEY, -- of the version
	scope   INTEGER NOT NULL,    -- name.number of the type
	id      TEXT    NOT NULL,
	entries BLOB    NOT NULL
);
CREATE INDEX live_scope ON live (scope);

CREATE TABLE term (
	param   INTEGER NOT NULL,
	hash    INTEGER NOT NULL, -- of the value; live.entries decides
	instant INTEGER NOT NULL,
	PRIMARY KEY (param, hash, instant)
) WITHOUT ROWID;

CREATE TABLE text (
	param   INTEGER NOT NULL,
	folded  TEXT    NOT NULL,
	instant INTEGER NOT NULL,
	PRIMARY KEY (param, folded, instant)
) WITHOUT ROWID;

CREATE TABLE span (
	instant INTEGER NOT NULL,
	param   INTEGER NOT NULL,
	low     INTEGER NOT NULL,
	high    INTEGER NOT NULL,
	class   INTEGER NOT NULL, -- of its length: see spanClass
	id      TEXT    NOT NULL,
	PRIMARY KEY (instant, param, low, high)
) WITHOUT ROWID;
CREATE INDEX span_low  ON span (param, class, low, id, high);
CREATE INDEX span_high ON span (param, class, high DESC, id, low);

CREATE TABLE record (
	name     TEXT    NOT NULL PRIMARY KEY,
	value    TEXT    NOT NULL, -- any bytes
	revision INTEGER NOT NULL,
	expires  INTEGER NOT NULL  -- microseconds since 1970; 0: never
) WITHOUT ROWID;
CREATE INDEX record_expires ON record (expires) WHERE expires <> 0;

-- The last revision that was given to any record.
CREATE TABLE revision (last INTEGER NOT NULL);
INSERT INTO revision VALUES (0);
