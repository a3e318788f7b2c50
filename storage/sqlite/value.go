package sqlite

import (
	"bytes"
	"cmp"
	"database/sql/driver"
	"encoding/json"
)

// value is what a resource has of a sort key, or an end of a stretch of values: a number, a text, or nothing.
type value struct{ of driver.Value } // int64, string or nil

func numberValue[T ~int64](n T) value { return value{int64(n)} }

func textValue(s string) value { return value{s} }

// valueOf is the value of a column.
func valueOf(column driver.Value) value {
	switch column.(type) {
	case int64, string:
		return value{column}
	default:
		return value{}
	}
}

// isNone says whether it is nothing.
func (v value) isNone() bool { return v.of == nil }

// compare says which of two values of one kind is less; texts are compared byte by byte.
func (v value) compare(w value) int {
	if _, isText := v.of.(string); isText {
		return cmp.Compare(text(v.of), text(w.of))
	}
	return cmp.Compare(integer(v.of), integer(w.of))
}

func lesser(v, w value) value {
	if v.compare(w) <= 0 {
		return v
	}
	return w
}

func greater(v, w value) value {
	if v.compare(w) >= 0 {
		return v
	}
	return w
}

// MarshalJSON makes it a JSON number, string or null.
func (v value) MarshalJSON() ([]byte, error) { return json.Marshal(v.of) }

// UnmarshalJSON reads what MarshalJSON makes.
func (v *value) UnmarshalJSON(written []byte) error {
	switch {
	case bytes.Equal(written, []byte("null")):
		*v = value{}
		return nil
	case written[0] == '"':
		var s string
		err := json.Unmarshal(written, &s)
		*v = textValue(s)
		return err
	default:
		var n int64
		err := json.Unmarshal(written, &n)
		*v = numberValue(n)
		return err
	}
}
