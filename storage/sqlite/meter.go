package sqlite

import (
	"context"
	"database/sql/driver"
	"math"
	"sync"

	"modernc.org/sqlite"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/storage"
)

// meter counts the resources and index entries that a search on its connection looks at, and ends the search where they are too many, or soon
// after its context. Statements that may look at many in vain call spend for each of them; what the others look at, they return.
type meter struct {
	number int64 // by which statements name it
	on     bool
	ctx    context.Context
	budget int // that may be looked at in vain; 0 sets no bound
	most   int // that may be looked at
	looked int
	vain   int   // of what was settled
	ended  error // why a statement was ended
}

// start begins to count for a search that may look at budget in vain, beside so many that it is after.
func (m *meter) start(ctx context.Context, budget, after int) {
	*m = meter{number: m.number, on: true, ctx: ctx, budget: budget, most: math.MaxInt}
	if budget > 0 && after < math.MaxInt-budget {
		m.most = budget + after
	}
}

// restart begins anew, with the same budget, to count what is looked at beside so many that are wanted.
func (m *meter) restart(wanted int) {
	if vain := m.vain; m.on {
		m.start(m.ctx, m.budget, wanted)
		m.vain = vain
	}
}

func (m *meter) stop() { *m = meter{number: m.number} }

// look counts.
func (m *meter) look(n int) error {
	if !m.on {
		return nil
	}
	before := m.looked
	m.looked += n
	switch {
	case m.looked > m.most:
		m.ended = tooCostly(m.budget)
	case m.looked>>8 != before>>8 && m.ctx.Err() != nil: // every now and then
		m.ended = m.ctx.Err()
	}
	return m.ended
}

// settle holds what was looked at against the budget, when it is known how much of it was not in vain.
func (m *meter) settle(found int) error {
	vain := max(0, m.looked-found)
	if m.budget > 0 && vain > m.budget {
		return tooCostly(m.budget)
	}
	m.vain += vain
	return nil
}

func tooCostly(budget int) *fhir.Error {
	return fhir.Errorf(fhir.TooCostly, fhir.CodeTooCostly, "The search would look at more than %d resources and index entries that are none of its matches.", budget).
		Because(storage.ErrOverBudget)
}

// meters are those of all connections: a function that a statement calls is told a number alone.
var meters = struct {
	sync.RWMutex
	last int64
	all  map[int64]*meter
}{all: make(map[int64]*meter)}

// install makes a meter known by a number.
func (m *meter) install() {
	meters.Lock()
	defer meters.Unlock()
	meters.last++
	m.number = meters.last
	meters.all[m.number] = m
}

func (m *meter) uninstall() {
	meters.Lock()
	defer meters.Unlock()
	delete(meters.all, m.number)
}

// spend is the predicate, always true, that counts the rows of the table that has the column at, each as so many.
func (m *meter) spend(at string, weight int) clause {
	if !m.on {
		return always
	}
	return sql("spend(?, "+at+", ?)", m.number, int64(weight))
}

// regain is the function regain(number, column), which takes a look back that was not in vain, and is 1.
func regain(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
	meterOf(integer(args[0])).looked--
	return int64(1), nil
}

// spend is the function spend(number, column, weight), which counts, and is 1. The column makes SQLite call it once for each row of a table.
func spend(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
	return int64(1), meterOf(integer(args[0])).look(int(integer(args[2])))
}

func meterOf(number int64) *meter {
	meters.RLock()
	defer meters.RUnlock()
	return meters.all[number]
}
