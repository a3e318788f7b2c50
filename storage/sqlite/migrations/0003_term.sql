-- A term row decides by itself: the digest that it has instead of the value is one that nobody finds a second value for. The rows are
-- made anew of live.entries.
DROP TABLE term;
CREATE TABLE term (
	param   INTEGER NOT NULL,
	hash    BLOB    NOT NULL, -- 16 bytes: see digest
	instant INTEGER NOT NULL,
	PRIMARY KEY (param, hash, instant)
) WITHOUT ROWID;
