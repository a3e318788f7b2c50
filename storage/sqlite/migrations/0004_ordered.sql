-- The Ordereds of live versions, in their order from either end. Texts are compared byte by byte.
CREATE TABLE ordered (
	param   INTEGER NOT NULL,
	class   INTEGER NOT NULL, -- see stretched, crowded, lowest, highest
	low     TEXT    NOT NULL,
	id      TEXT    NOT NULL,
	high    TEXT    NOT NULL,
	instant INTEGER NOT NULL,
	PRIMARY KEY (param, class, low, id, high)
) WITHOUT ROWID;
CREATE INDEX ordered_high ON ordered (param, class, high DESC, id, instant);

-- The places of live versions.
CREATE TABLE place (
	param     INTEGER NOT NULL,
	latitude  REAL    NOT NULL, -- degrees
	longitude REAL    NOT NULL,
	instant   INTEGER NOT NULL,
	PRIMARY KEY (param, latitude, longitude, instant)
) WITHOUT ROWID;
