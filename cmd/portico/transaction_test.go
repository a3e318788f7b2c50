package main

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/portico-health/portico/fhir"
)

// A large transaction creates some patients and updates others.
const (
	largeCreates = 300
	largeUpdates = 200
)

// large are the requests of a transaction in the name of an owner, whose patients it updates.
func large(owner, name string) []request {
	var all []request
	for i := range largeCreates {
		all = append(all, request{method: http.MethodPost, path: "Patient", body: patientText("", name, fmt.Sprintf("new%d", i))})
	}
	for i := range largeUpdates {
		id := fmt.Sprintf("%s-%d", owner, i)
		all = append(all, request{method: http.MethodPut, path: "Patient/" + id, body: patientText(id, owner, name)})
	}
	return all
}

// TestTransactionThatFailsAtItsEnd sends 500 entries of which the last cannot be carried out, for one reason or another. There is no trace of the
// others: "the server SHALL either accept all actions and return a 200 OK, along with a response bundle, or reject all
// resources and return an HTTP 400 or 500 type response" (https://hl7.org/fhir/R4/http.html#trules).
func TestTransactionThatFailsAtItsEnd(t *testing.T) {
	c := serve(t, t.TempDir()).client(t)
	c.must(t, request{method: http.MethodPut, path: "Patient/old", body: patientText("old", "old", "old")})
	tests := []struct {
		name string
		last request
		want int
	}{
		{"no resource at all", request{method: http.MethodPut, path: "Patient/x", body: `{"resourceType":"Patient","id":"x","gender":"none"}`}, http.StatusBadRequest},
		{"an invariant that is broken", request{method: http.MethodPut, path: "Patient/x", body: `{"resourceType":"Patient","id":"x","contact":[{"gender":"male"}]}`}, http.StatusUnprocessableEntity},
		{"another version", request{method: http.MethodPut, path: "Patient/old", body: patientText("old", "old", "new"), header: map[string]string{"If-Match": `W/"7"`}}, http.StatusPreconditionFailed},
		{"a version of what is not there", request{method: http.MethodDelete, path: "Patient/none", header: map[string]string{"If-Match": `W/"1"`}}, http.StatusPreconditionFailed},
		{"a patch that does not fit", addName("none", "x", nil), http.StatusNotFound},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			all := large("mine", "name")
			all[len(all)-1] = test.last
			if a := c.must(t, bundleOf("transaction", all...)); a.status != test.want {
				t.Errorf("answered with %d, want %d: %.1000s", a.status, test.want, a)
			}
			for path, want := range map[string]int{"_history?_count=0": 1, "Patient?_count=0": 1, "Patient?" + escaped(byIdentifier("name")): 0} {
				if got := c.total(t, path); got != want {
					t.Errorf("%s has %d, want %d", path, got, want)
				}
			}
			for _, path := range []string{"Patient/mine-0", "Patient/mine-0/_history/1", "Patient/mine-0/_history"} {
				if a := c.must(t, request{method: http.MethodGet, path: path}); a.status != http.StatusNotFound {
					t.Errorf("%s: %.300s", path, a)
				}
			}
		})
	}
	all := large("mine", "name")
	if a := c.must(t, bundleOf("transaction", all...)); a.status != http.StatusOK {
		t.Errorf("without a fault: %.1000s", a)
	}
	if got, want := c.total(t, "_history?_count=0"), 1+len(all); got != want {
		t.Errorf("the history has %d versions, want %d", got, want)
	}
}

// total is how many entries a search or history says that it has.
func (c *client) total(t *testing.T, path string) int {
	t.Helper()
	total, ok := c.read(t, path).Root().Get("total")
	if !ok {
		t.Fatalf("%s tells no total", path)
	}
	n, err := strconv.Atoi(fmt.Sprint(total))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestKilledTransactionsLeaveAllOrNothing kills the server while four clients send transactions of 500 entries.
func TestKilledTransactionsLeaveAllOrNothing(t *testing.T) {
	const senders, bound = 4, 50
	dir := t.TempDir()
	p := serve(t, dir)
	for round := range soak(5, 50) {
		c := p.client(t)
		var answered atomic.Int64
		enough := 1 + rand.New(rand.NewPCG(uint64(round), 0)).Int64N(2*senders)
		acknowledged := make([]int, senders) // transactions of each
		var group sync.WaitGroup
		for sender := range senders {
			group.Go(func() {
				for n := range bound {
					a, err := c.send(t.Context(), bundleOf("transaction", large(owner(round, sender), name(round, sender, n))...))
					if err != nil {
						return
					}
					if a.status != http.StatusOK {
						t.Errorf("%s: %.1000s", name(round, sender, n), a)
						return
					}
					acknowledged[sender] = n + 1
					if answered.Add(1) == enough {
						_ = p.Process.Kill()
					}
				}
			})
		}
		group.Wait()
		_ = p.Process.Kill() // also where it was not reached
		_ = p.Wait()
		if t.Failed() {
			t.FailNow()
		}
		p = serve(t, dir)
		again := p.client(t)
		for sender, n := range acknowledged {
			again.checkWhole(t, round, sender, n)
		}
		if t.Failed() {
			t.Fatalf("this was round %d, killed after %d answers", round, enough)
		}
	}
}

func owner(round, sender int) string { return fmt.Sprintf("r%ds%d", round, sender) }

func name(round, sender, n int) string { return fmt.Sprintf("r%ds%dn%d", round, sender, n) }

// checkWhole looks that of the transactions of a sender those that were acknowledged are there, and of the next either all or
// nothing.
func (c *client) checkWhole(t *testing.T, round, sender, acknowledged int) {
	t.Helper()
	created := func(n int) int { return c.total(t, "Patient?_count=0&"+escaped(byIdentifier(name(round, sender, n)))) }
	for n := range acknowledged {
		if got := created(n); got != largeCreates {
			t.Errorf("%s: %d of %d patients are there", name(round, sender, n), got, largeCreates)
		}
	}
	there := acknowledged
	switch got := created(acknowledged); got {
	case 0:
	case largeCreates:
		there++
	default:
		t.Errorf("%s: half a transaction, %d of %d patients", name(round, sender, acknowledged), got, largeCreates)
	}
	updated := 0
	for entry := range c.entries(t, "Patient?_count=1000&"+escaped(byIdentifier(owner(round, sender)))) {
		updated++
		r := fhir.NewResource(entry.Object("resource"))
		if p, err := readPatient(r); err != nil || p.version != int64(there) || p.names != name(round, sender, there-1) {
			t.Errorf("after %d transactions there is %+v (%v)", there, p, err)
		}
	}
	if want := min(there, 1) * largeUpdates; updated != want {
		t.Errorf("after %d transactions of %s there are %d patients, want %d", there, owner(round, sender), updated, want)
	}
}

// TestOverlappingTransactions lets eight clients change the same two patients in transactions: both always go together, and nothing that was
// acknowledged is lost.
func TestOverlappingTransactions(t *testing.T) {
	const senders = 8
	each := soak(25, 1000)
	c := serve(t, t.TempDir()).client(t)
	one, other := "one", "other"
	pair := func(bound bool, versions [2]int64, names [2]string) request {
		var all []request
		for i, id := range []string{one, other} {
			header := map[string]string{}
			if bound {
				header["If-Match"] = fmt.Sprintf(`W/"%d"`, versions[i])
			}
			all = append(all, request{method: http.MethodPut, path: "Patient/" + id, body: patientText(id, id, names[i]), header: header})
		}
		return bundleOf("transaction", all...)
	}
	if a := c.must(t, pair(false, [2]int64{}, [2]string{"100", "100"})); a.status != http.StatusOK {
		t.Fatal(a)
	}
	var moved atomic.Int64
	var group sync.WaitGroup
	for sender := range senders {
		lots := rand.New(rand.NewPCG(1, uint64(sender)))
		group.Go(func() {
			for range each {
				var amounts [2]int
				var versions [2]int64
				for i, id := range []string{one, other} {
					p, err := c.patient(t.Context(), id)
					if err != nil {
						t.Error(err)
						return
					}
					amounts[i], _ = strconv.Atoi(p.names)
					versions[i] = p.version
				}
				amount := lots.IntN(10)
				a, err := c.send(t.Context(), pair(true, versions, [2]string{strconv.Itoa(amounts[0] - amount), strconv.Itoa(amounts[1] + amount)}))
				switch {
				case err == nil && a.status == http.StatusOK:
					moved.Add(1)
				case err != nil || a.status != http.StatusConflict && a.status != http.StatusPreconditionFailed:
					t.Errorf("%.1000s (%v)", a, err)
				}
			}
		})
	}
	group.Wait()
	if moved.Load() == 0 {
		t.Error("nothing was ever moved")
	}
	c.checkInStep(t, one, other, 1+moved.Load(), 200)
}

// checkInStep holds two histories against each other: as many versions as there were transactions, and amounts that make up the same sum in
// each.
func (c *client) checkInStep(t *testing.T, one, other string, versions int64, sum int) {
	t.Helper()
	amounts := make(map[int64]int)
	for _, id := range []string{one, other} {
		seen := int64(0)
		for entry := range c.entries(t, "Patient/"+id+"/_history?_count=1000") {
			p, err := readPatient(fhir.NewResource(entry.Object("resource")))
			if err != nil {
				t.Error(err)
			}
			amount, err := strconv.Atoi(p.names)
			if err != nil {
				t.Error(err)
			}
			amounts[p.version] += amount
			seen++
		}
		if seen != versions {
			t.Errorf("%s has %d versions, %d transactions were acknowledged", id, seen, versions)
		}
	}
	for version, got := range amounts {
		if got != sum {
			t.Errorf("in version %d the sum is %d, want %d", version, got, sum)
		}
	}
}

// TestEqualTransactionsMakeOne sends equal transactions at once, half of them the other way round, that create two patients unless they are there:
// one creates both, and nobody waits for ever for another.
func TestEqualTransactionsMakeOne(t *testing.T) {
	const senders = 16
	c := serve(t, t.TempDir()).client(t)
	for round := range soak(10, 500) {
		identifiers := []string{fmt.Sprintf("a%d", round), fmt.Sprintf("b%d", round)}
		answers := c.atOnce(t, senders, func(i int) request {
			var all []request
			for k := range identifiers {
				identifier := identifiers[(k+i)%2]
				all = append(all, request{method: http.MethodPost, path: "Patient", body: patientText("", identifier, "name"), header: map[string]string{"If-None-Exist": byIdentifier(identifier)}})
			}
			return bundleOf("transaction", all...)
		})
		created := 0
		for _, a := range answers {
			switch {
			case a.status == http.StatusOK:
				created += strings.Count(string(a.body), `"201 Created"`)
			case a.status != http.StatusConflict && a.status != http.StatusPreconditionFailed:
				t.Errorf("%.1000s", a)
			}
		}
		if created != len(identifiers) {
			t.Errorf("round %d: %d creations were told, want %d", round, created, len(identifiers))
		}
		for _, identifier := range identifiers {
			if n := c.total(t, "Patient?"+escaped(byIdentifier(identifier))); n != 1 {
				t.Errorf("%s: %d patients", identifier, n)
			}
		}
	}
}
