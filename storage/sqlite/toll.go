package sqlite

import "github.com/portico-health/portico/fhir/search"

// The looks at a row are most of what it costs when there are many of them. They cost about the same; each further value of one costs a part of that, in
// shares.
const (
	share = 16 // of a look: so many texts are compared meanwhile
	seek  = 4  // shares of a further term, which is looked for in its index
	free  = 4  // looks that count with their row
)

// effort is what it takes to judge a clause at a row, in shares of a look. Of what a chain leads to each row counts by itself.
func effort(a search.Any) (shares int) {
	for _, tests := range looksOf(a) {
		switch t := tests[0].(type) {
		case search.Not:
			shares += effort(t.Any)
		case search.Every:
			for _, a := range t {
				shares += effort(a)
			}
		case search.Equal:
			shares += share + seek*(len(tests)-1)
		default:
			shares += share + len(tests) - 1
		}
	}
	return shares
}

// toll is as how many a row counts at which clauses are judged: as one, and as one more for each look beyond the free ones.
func toll(judged []criterion) int {
	shares := 0
	for _, c := range judged {
		shares += effort(c.tests)
	}
	return 1 + max(0, shares/share-free)
}

// spend counts the rows of a scan that leaves clauses to be checked.
func (x *searching) spend(s scan, open []criterion) clause {
	if !x.meter.on {
		return always
	}
	return x.meter.spend(s.at, toll(open)+len(s.windows)/share)
}
