package storage

import (
	"context"
	"errors"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
)

// MaxPageBytes bounds the bodies of a page of History or Search together, so that what a caller must hold in memory does not
// depend on how large resources are. A page ends before the version that would exceed it, and says that there is more; its first
// version always comes.
const MaxPageBytes = 32 << 20

// MaxGathered is how many matches a search may have whose order no index has (search.ByText, search.ByTerm, and, as a driver likes, keys whose Absent
// is empty): they are gathered and sorted for every page. A search with more of them is TooCostly.
const MaxGathered = 5000

// ErrOverBudget is the cause of a TooCostly error of a search that looks at more than its PageRequest.Budget.
var ErrOverBudget = errors.New("over the budget of the search")

// Store keeps resources. All methods may be called from many goroutines at once.
type Store interface {
	// Read returns the current version, also when it is the mark of a deletion: see
	// fhir.Version.IsDeleted. NotFound when there never was one. What was committed by this Store before the call is
	// seen; what another process committed to the same database is seen 100 ms later at the latest. The body may be shared with other
	// callers: nobody changes it.
	Read(ctx context.Context, p fhir.Partition, key fhir.Key) (fhir.Version, error)

	// ReadVersion returns one version, current or superseded. NotFound.
	ReadVersion(ctx context.Context, p fhir.Partition, key fhir.Key, number int64) (fhir.Version, error)

	// History returns versions, deletions among them, newest first. NotFound when the query names a resource of which there never
	// was one.
	History(ctx context.Context, p fhir.Partition, q HistoryQuery) (HistoryPage, error)

	// Search returns one page of the current versions that satisfy the query, in its order. A cursor of
	// a page continues exactly behind the last row of that page, however much was written
	// since; a row that stays as it is comes neither twice nor not at all. Invalid for a
	// cursor that is none of this query's. TooCostly where the page asks for more work than its Budget (ErrOverBudget), or has more than MaxGathered matches to
	// sort. The scan ends soon after ctx does. Bodies may be shared
	// with other callers, as those of Read.
	Search(ctx context.Context, p fhir.Partition, q search.Query, page PageRequest) (SearchPage, error)

	// Explain carries out a Search, and tells how it was done instead of what it found; nothing is counted. Its errors are those of Search, but for
	// TooCostly by the Budget: the Plan tells what it comes to, up to ten times of it.
	Explain(ctx context.Context, p fhir.Partition, q search.Query, page PageRequest) (Plan, error)

	// Commit carries out all operations or none, and returns their results in the same order. When it has
	// returned without error, the changes survive the death of process and machine. Versions, index entries and
	// events become visible at the same moment. The error is that of the first operation that
	// failed, an *OpError; its kinds are those of Condition, and Invalid for two operations on one key. The operations
	// are carried out one after the other: a NoMatch sees what those before it wrote. Whichever fails, nothing is written.
	// A ctx that ends before the operations are taken leaves nothing; afterwards it is too late, and
	// the results are returned. A store without Transactions takes one operation a commit, and several are Invalid, the second of them in its
	// OpError. TooLarge for a resource of more bytes than the database can keep.
	Commit(ctx context.Context, p fhir.Partition, ops []Op) ([]Result, error)

	// Transactions says whether Commit takes several operations. It is the same as long as the store is open.
	Transactions() bool

	// Restore takes over versions of another store as they are, in the order of their instants: number, instant, method, body and origin stay, and each has its event, with
	// the sequence that it had.
	// What is there already, the same, is passed over, so that a copy that was cut off can be made again from its
	// beginning. Conflict, naming the key, for a version that contradicts what is there: it is another one of its number (be it by its origin alone), its number is not
	// the next one of its resource, its instant is not later than that of the version before it or is that of another
	// resource, it says otherwise than that version whether there was a resource, or deletes none. TooLarge as for Commit, Invalid for an origin that Commit would refuse. All versions of a call are taken
	// over or none; where the store has no Transactions, some may be there when it fails, of each resource without a gap.
	// Commits get later instants than everything that was restored. They may go on beside it, but not in other processes, which may not notice older versions
	// than they know of; nor does a reader of Events that is further. Some hundred versions a call are fast.
	Restore(ctx context.Context, versions []Restored) error

	// Events returns at most limit events of all partitions that follow after, in the order in which they were
	// committed. Zero is before the first event.
	Events(ctx context.Context, after int64, limit int) ([]Event, error)

	// Reindex gives the current, not deleted versions of all partitions the index entries that entriesOf makes of them. Versions
	// that come to be while it runs keep the entries that they were written with; bodies, histories and events stay as
	// they are. It works in batches beside other calls, and entriesOf may use the store. When it fails or ctx ends, some versions have
	// their new entries and the others their old ones; called again it begins anew. An error of entriesOf ends it. It calls progress
	// before the first batch and after each one, one call after the other, with how many of the versions that were there
	// when it began it has been at.
	Reindex(ctx context.Context, entriesOf func(fhir.Partition, fhir.Version) (search.Entries, error), progress func(done, total int64)) error

	// Check reads everything that the store holds and reports every contradiction in it: bodies that are not what their version says,
	// gaps in numbers, versions that are found and should not be or the reverse, entries that are lost, strange or not those that
	// entriesOf makes of the body; nil compares them with each other alone. It works in batches beside other calls, each in one state of the
	// store: whatever they write, nothing is reported that was not so, and what came to be after the beginning may not be looked at. It uses
	// no more memory for more resources, and ends with ctx. An error of entriesOf, which may use the store, ends it; faults are no error.
	Check(ctx context.Context, entriesOf func(fhir.Partition, fhir.Version) (search.Entries, error), report func(Fault)) (Checked, error)

	// Ready says whether the store can take reads and writes now. Unavailable.
	Ready(ctx context.Context) error

	// Records is the other half of the store.
	Records() Records

	// Close waits for what is under way and releases everything. Calls that come later are Unavailable.
	Close() error
}

// Op is one change of one resource.
type Op struct {
	Key       fhir.Key
	Resource  fhir.Resource  // what to store; the zero Resource deletes. Its id and type are the Key's. Its numbers keep their digits and exponent, perhaps not their spelling: 1e2 may come back as 1E+2.
	Entries   search.Entries // of Resource
	Condition Condition

	// Method is what the history tells: Created or Updated. Zero means Created under Condition.Absent or NoMatch, else
	// Updated. A deletion is Deleted whatever it says.
	Method fhir.Method

	// Origin says who made the change, by which request: a text of at most MaxOrigin bytes that means nothing to the store. It is kept with the version,
	// and its event tells it. That of a change that did not come to be (Result.Changed) is not kept. Invalid where it is longer, or no UTF-8 (CheckOrigin).
	Origin string

	// Guard makes the operation decide its Condition and write nothing: it holds what the others of its commit rest on. The Key may be
	// zero where the Condition is a NoMatch alone.
	Guard bool
}

// Becomes is the method of the version that the operation makes.
func (o Op) Becomes() fhir.Method {
	switch {
	case o.Resource.IsZero():
		return fhir.Deleted
	case o.Method != 0:
		return o.Method
	case o.Condition.Absent || o.Condition.NoMatch != nil:
		return fhir.Created
	default:
		return fhir.Updated
	}
}

// Condition is decided inside the write, so that of many concurrent writers at most one
// finds it true. The zero Condition always holds.
type Condition struct {
	// Version is the number that the current version must have; 0 asks for none. Otherwise PreconditionFailed,
	// also when there is no resource or a deleted one.
	Version int64

	// Absent demands that there is no current resource (never one, or a deleted one). Otherwise Conflict.
	Absent bool

	// Next is the number that the version that comes to be must have; 0 asks for none. Otherwise PreconditionFailed. Unlike Absent, which holds again after a
	// deletion, it holds once: who finds it true twice has not been the only one.
	Next int64

	// NoMatch demands that no current resource of the partition satisfies the query (conditional create). Otherwise Conflict. Invalid where the
	// query has a Refers or ReferredBy: what other resources say decides no write. Of two commits at once that demand the same query, and each write what
	// satisfies it, one is refused. Of two that demand different queries, and each write what satisfies that of the other, a store may carry out both: who
	// needs more lets both write or guard the version of one resource.
	NoMatch *search.Query
}

// Result is what became of an operation. That of a guard is the zero Result.
type Result struct {
	Version fhir.Version // the new version; where nothing was there to delete, the mark of the earlier deletion or the zero Version
	Changed bool         // false: deleting what is not there
	Existed bool         // a current, not deleted resource was there before
}

// OpError says which operation of a commit failed.
type OpError struct {
	Index int // in ops, from 0
	Err   *fhir.Error
}

// Error is the text of the operation's error.
func (e *OpError) Error() string { return e.Err.Error() }

// Unwrap gives errors.Is and errors.As the operation's error.
func (e *OpError) Unwrap() error { return e.Err }

// HistoryQuery asks for the versions of one resource, of all resources of a type, or of all types.
type HistoryQuery struct {
	Key       fhir.Key      // without ID: all resources of the type; without Type too: all resources
	Types     []string      // only versions of these types, where Key names none; nil asks for all
	Before    fhir.Instant  // only versions that came to be before it; 0 asks from the newest
	Since     fhir.Instant  // only versions that came to be at or after it; 0 asks for all
	During    fhir.Interval // only versions that were current at some moment of it, deletions too; zero asks for all
	Limit     int           // versions; 0 asks for the total alone; MaxPageBytes may end the page earlier
	CountUpTo int           // versions are counted up to this number; 0 counts none, a negative number counts all
}

// HistoryPage is a part of a history.
type HistoryPage struct {
	Versions []fhir.Version
	Existed  []bool // of each version: a current, not deleted resource was there before, as in the Result of its operation
	Total    int    // versions on all pages (Before does not count), as far as they were counted
	Counted  bool   // Total is exact
	More     bool   // there are versions behind this page; the next is asked for with Before as the Instant of its last one
}

// PageRequest asks for a part of a search's matches.
type PageRequest struct {
	Limit     int    // rows; 0 asks for the total alone; MaxPageBytes may end the page earlier
	After     []byte // SearchPage.Next of the page before; nil asks for the first
	CountUpTo int    // matches are counted up to this number; 0 counts none, a negative number counts all

	// Budget is how many resources and index entries may be looked at that turn out not to belong to the page. Where many tests are made of
	// each, it counts as several, for the tests are the work then. 0 sets no bound. When
	// counting exceeds it, the total stays uncounted, unless all are to be counted: then the search is TooCostly, too.
	Budget int
}

// SearchPage is a part of a search's matches.
type SearchPage struct {
	Versions []fhir.Version
	Next     []byte // where the next page begins, in the driver's own form; nil when there is none
	Total    int    // matches on all pages, as far as they were counted
	Counted  bool   // Total is exact
	Vain     int    // what the page took of its Budget; 0 where that set no bound
}

// Plan is how a search was carried out.
type Plan struct {
	Index   string // what the search began with, in a few words: "terms of identifier", "resources by instant"
	Clause  int    // of the query (its place in All), which that index answers; -1: none, it has the order of the search
	Matches int    // resources that the index has for the clause, as far as they were counted
	Counted bool   // Matches is exact
	Ordered bool   // the index has the matches in the order of the search; otherwise they were fetched and sorted
	ByRow   []int  // clauses that were decided resource by resource
	Looked  int    // resources and entries that were looked at to choose the index and to find the page; those on the page among them
	Found   int    // resources on the page
}

// Event tells of one committed change.
type Event struct {
	Sequence  int64 // strictly increasing in the order of commits; the same in a store that the version was restored into
	Partition fhir.Partition
	Key       fhir.Key
	Number    int64 // the version that came to be
	Instant   fhir.Instant
	Method    fhir.Method
	Origin    string // as it was given to Commit or Restore; "" where none was
}
