package fhir_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/portico-health/portico/fhir"
)

func TestNewIDIsAnIDAndUnique(t *testing.T) {
	form := regexp.MustCompile(`^[0-9A-Za-z]{20}$`)
	now := time.Date(2026, 1, 31, 9, 30, 0, 0, time.UTC)
	const count = 100_000
	seen := make(map[string]bool, count)
	for range count {
		id := fhir.NewID(now)
		if !form.MatchString(id) || !fhir.ValidID(id) {
			t.Fatalf("%q is no id", id)
		}
		seen[id] = true
	}
	if len(seen) != count {
		t.Errorf("%d ids of one moment, of which %d are different", count, len(seen))
	}
}

// Every place of the part that is chance takes all 62 characters, each about as often: with 62 000 ids a character is
// expected 1000 times in a place, and 700 to 1300 is more than nine standard deviations.
func TestNewIDLeavesNoPlaceToGuess(t *testing.T) {
	const count = 62_000
	var seen [12]map[byte]int
	for i := range seen {
		seen[i] = map[byte]int{}
	}
	now := time.Now()
	for range count {
		id := fhir.NewID(now)
		for i := range seen {
			seen[i][id[8+i]]++
		}
	}
	for i, characters := range seen {
		if len(characters) != 62 {
			t.Errorf("place %d takes %d characters", 8+i, len(characters))
		}
		for c, n := range characters {
			if n < 700 || n > 1300 {
				t.Errorf("place %d is %q %d times of %d", 8+i, c, n, count)
			}
		}
	}
}

func TestNewIDSortsByMillisecond(t *testing.T) {
	latest := time.Date(8888, 1, 1, 0, 0, 0, 0, time.UTC)
	moments := rapid.Int64Range(0, latest.UnixMilli()-1)
	rapid.Check(t, func(t *rapid.T) {
		a, b := moments.Draw(t, "a"), moments.Draw(t, "b")
		if rapid.Bool().Draw(t, "neighbours") {
			b = a + 1
		}
		idA, idB := fhir.NewID(time.UnixMilli(a)), fhir.NewID(time.UnixMilli(b))
		if a < b != (idA[:8] < idB[:8]) || (a == b) != (idA[:8] == idB[:8]) {
			t.Fatalf("%d has id %s, %d has %s", a, idA, b, idB)
		}
	})
	if id := fhir.NewID(time.Date(1950, 1, 1, 0, 0, 0, 0, time.UTC)); !strings.HasPrefix(id, "00000000") {
		t.Errorf("before 1970 the id is %s", id)
	}
}

func TestValidID(t *testing.T) {
	valid := []string{"a", "0", "-", ".", "A-b.9", strings.Repeat("x", 64), fhir.NewID(time.Now())}
	invalid := []string{"", strings.Repeat("x", 65), "a_b", "a b", "a/b", "é", "a\n", "\x00", "a:b", "@", "[", "`", "{", "١", "%41"}
	for _, id := range slices.Concat(valid, invalid) {
		if got, want := fhir.ValidID(id), slices.Contains(valid, id); got != want {
			t.Errorf("ValidID(%q) = %v", id, got)
		}
	}
}

func TestKeyAndVersionAsText(t *testing.T) {
	v := fhir.Version{Key: fhir.Key{Type: "Patient", ID: "p.1"}, Number: 12, Method: fhir.Updated}
	if got := v.Key.String() + " " + v.ETag(); got != `Patient/p.1 W/"12"` {
		t.Errorf("key and tag are %s", got)
	}
	for method, verb := range map[fhir.Method]string{0: "", fhir.Created: "POST", fhir.Updated: "PUT", fhir.Deleted: "DELETE", 4: ""} {
		v.Method = method
		if method.String() != verb || v.IsDeleted() != (verb == "DELETE") {
			t.Errorf("method %d is %q, deleted: %v", method, method, v.IsDeleted())
		}
	}
}

func BenchmarkNewID(b *testing.B) {
	now := time.Now()
	for b.Loop() {
		fhir.NewID(now)
	}
}
