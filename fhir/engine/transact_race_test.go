package engine_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/engine"
)

// Equal transactions that come at once make one resource, to which all refer.
func TestConcurrentEqualTransactions(t *testing.T) {
	e := newTransactingOf(t, "Patient", "Observation")
	const clients = 16
	var mu sync.Mutex
	created, keys := 0, map[fhir.Key]int{}
	together(clients, func(int) {
		out, err := e.Transact(t.Context(), alice, []engine.Change{
			entry(t, "POST Observation", `{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"urn:uuid:p"}}`),
			entry(t, "POST Patient?"+mrn, patientOf("", "1", "New"), fullURL("urn:uuid:p")),
		})
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			t.Error(err)
			return
		}
		if out[1].Created {
			created++
		}
		keys[out[1].Version.Key]++
	})
	if created != 1 || len(keys) != 1 || count(t, e, "") != 1 {
		t.Errorf("%d created, %v, %d patients", created, keys, count(t, e, ""))
	}
	for key := range keys {
		if n := len(found(t, e, "Observation", "subject="+key.String())); n != clients {
			t.Errorf("%d Observations refer to %s", n, key)
		}
	}
}

// Transactions that overlap move amounts between the same resources: whatever succeeds was carried out whole, so that the sum stays.
func TestConcurrentTransfers(t *testing.T) {
	e := newTransacting(t)
	const accounts, each, clients, rounds = 3, 100, 16, 6
	account := func(i, amount int) string {
		return fmt.Sprintf(`{"resourceType":"Patient","id":"p%d","multipleBirthInteger":%d}`, i, amount)
	}
	read := func(i int) (amount int, version int64) {
		v, err := e.Read(t.Context(), alice, fhir.Key{Type: "Patient", ID: fmt.Sprintf("p%d", i)})
		if err != nil {
			t.Error(err)
			return 0, 0
		}
		r, err := fhir.ParseResource(v.Body)
		if err != nil {
			t.Error(err)
		}
		n, _ := r.Root().Get("multipleBirthInteger")
		_, err = fmt.Sscan(fmt.Sprint(n), &amount)
		if err != nil {
			t.Error(err)
		}
		return amount, v.Number
	}
	for i := range accounts {
		commit(t, e, resource(t, "%s", account(i, each)))
	}
	var mu sync.Mutex
	won, moved := 0, int64(0)
	together(clients, func(client int) {
		for round := range rounds {
			from, to := (client+round)%accounts, (client+2*round+1)%accounts
			if from == to {
				continue
			}
			a, va := read(from)
			b, vb := read(to)
			_, err := e.Transact(t.Context(), alice, []engine.Change{
				entry(t, fmt.Sprintf("PUT Patient/p%d", from), account(from, a-1), ifMatch(va)),
				entry(t, fmt.Sprintf("PUT Patient/p%d", to), account(to, b+1), ifMatch(vb)),
			})
			mu.Lock()
			switch {
			case err == nil:
				won++
				moved += 2
			case !errors.Is(err, fhir.PreconditionFailed) && !errors.Is(err, fhir.Conflict):
				t.Error(err)
			}
			mu.Unlock()
		}
	})
	sum, versions := 0, int64(0)
	for i := range accounts {
		amount, version := read(i)
		sum, versions = sum+amount, versions+version-1
	}
	if sum != accounts*each || versions != moved || won == 0 {
		t.Errorf("%d transfers won; the sum is %d, want %d; %d versions were written, want %d", won, sum, accounts*each, versions, moved)
	}
}

// Patches of the same resources in transactions all succeed: each is applied to what the others left, all or nothing.
func TestConcurrentPatchingTransactions(t *testing.T) {
	e := newTransacting(t)
	for _, id := range []string{"a", "b"} {
		commit(t, e, resource(t, `{"resourceType":"Patient","id":%q,"name":[{"given":["Zero"]}]}`, id))
	}
	const clients = 16
	together(clients, func(i int) {
		add := fmt.Sprintf(`[{"op":"add","path":"/name/0/given/-","value":"G%d"}]`, i)
		ids := []string{"a", "b"}
		if i%2 == 1 { // the order of entries is no matter
			slices.Reverse(ids)
		}
		if _, err := e.Transact(t.Context(), alice, []engine.Change{entry(t, "PATCH Patient/"+ids[0], add), entry(t, "PATCH Patient/"+ids[1], add)}); err != nil {
			t.Error(err)
		}
	})
	var names []string
	for _, id := range []string{"a", "b"} {
		v, err := e.Read(t.Context(), alice, fhir.Key{Type: "Patient", ID: id})
		if err != nil || v.Number != clients+1 {
			t.Fatalf("version %d, %v", v.Number, err)
		}
		_, list, _ := strings.Cut(string(v.Body), "given")
		names = append(names, list)
	}
	if names[0] != names[1] || strings.Count(names[0], "G") != clients {
		t.Errorf("the transactions mixed: %v", names)
	}
}
