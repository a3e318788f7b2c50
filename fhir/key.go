package fhir

import (
	"crypto/rand"
	"encoding/binary"
	"strconv"
	"time"
)

// Key names a resource within its partition.
type Key struct {
	Type string // "Patient"
	ID   string // 1 to 64 of [A-Za-z0-9.-]
}

// String is the relative reference, "Patient/123".
func (k Key) String() string { return k.Type + "/" + k.ID }

// Partition is where data lives: site and mode, "demo/test". Test and live data, and
// the data of two sites, never meet. It comes first in every key of a store.
type Partition string

// Method says by which interaction a version came to be.
type Method uint8

// The methods; their names are the HTTP verbs of Bundle.entry.request in a history.
const (
	Created Method = iota + 1 // POST
	Updated                   // PUT, also update-as-create
	Deleted                   // DELETE
)

// String is the HTTP verb.
func (m Method) String() string {
	switch m {
	case Created:
		return "POST"
	case Updated:
		return "PUT"
	case Deleted:
		return "DELETE"
	default:
		return ""
	}
}

// Version is one stored state of a resource.
type Version struct {
	Key     Key
	Number  int64   // 1, 2, 3 without a gap; deletions count
	Instant Instant // meta.lastUpdated; strictly increasing in a store
	Method  Method
	Body    []byte // the whole resource as compact JSON, stamped; nil for a deletion. Not to be changed.
}

// IsDeleted says whether the version is the mark of a deletion.
func (v Version) IsDeleted() bool { return v.Method == Deleted }

// ETag is the weak entity tag of a version, W/"3" (https://hl7.org/fhir/R4/http.html#versioning).
func (v Version) ETag() string { return `W/"` + strconv.FormatInt(v.Number, 10) + `"` }

// Principal is who asks. Every call into the engine carries one.
type Principal struct {
	Partition Partition
	Scopes    Scopes // what they may do with the data of the partition
	Admin     bool   // they may operate the server, too

	// For the record of what they do.
	Client  string // id of the credential; "" for none
	Request string // id of the request, X-Request-Id; "" for none
	Address string // IP address of the client; "" where it is not known
}

const (
	idAlphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	idTimeLen  = 8  // base 62 digits of the milliseconds since 1970: enough until the year 8888
	idRandLen  = 12 // base 62 digits of chance: 71 bits
)

// NewID makes a server-assigned id: 20 characters of [0-9A-Za-z] that sort by time (in ASCII
// order, by the millisecond) and cannot be guessed.
func NewID(now time.Time) string {
	var id [idTimeLen + idRandLen]byte
	ms := uint64(max(now.UnixMilli(), 0))
	for i := idTimeLen - 1; i >= 0; i-- {
		id[i] = idAlphabet[ms%62]
		ms /= 62
	}
	var chance [16]byte
	_, _ = rand.Read(chance[:]) // never fails: https://pkg.go.dev/crypto/rand#Read
	high, low := binary.BigEndian.Uint64(chance[:8]), binary.BigEndian.Uint64(chance[8:])
	for i := range idRandLen / 2 {
		id[idTimeLen+2*i] = idAlphabet[high%62]
		id[idTimeLen+2*i+1] = idAlphabet[low%62]
		high, low = high/62, low/62
	}
	return string(id[:])
}

// ValidID says whether s is a FHIR id: https://hl7.org/fhir/R4/datatypes.html#id.
func ValidID(s string) bool {
	if len(s) == 0 || len(s) > 64 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && c != '-' && c != '.' {
			return false
		}
	}
	return true
}
