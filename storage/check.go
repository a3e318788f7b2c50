package storage

import (
	"strconv"

	"github.com/portico-health/portico/fhir"
)

// Fault is a contradiction in what a store holds. It names the place and holds nothing of what a body or an index entry says.
type Fault struct {
	Partition fhir.Partition // this and what follows is zero as far as the fault is of no version
	Key       fhir.Key
	Number    int64
	Detail    string // a sentence: what is wrong
}

// String is the place and what is wrong there: "demo/test Patient/1 version 3: It has no body, and is no deletion."
func (f Fault) String() string {
	place := string(f.Partition)
	if f.Key != (fhir.Key{}) {
		place += " " + f.Key.String()
	}
	if f.Number != 0 {
		place += " version " + strconv.FormatInt(f.Number, 10)
	}
	if place == "" {
		return f.Detail
	}
	return place + ": " + f.Detail
}

// Checked is how much Check looked at.
type Checked struct {
	Resources int64 // that are there now
	Versions  int64 // current, superseded and deletions
	Entries   int64 // in indexes, in the driver's own count
	Records   int64
}
