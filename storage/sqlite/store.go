package sqlite

import (
	"cmp"
	"context"
	"errors"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/storage"
)

// Config says where the store is.
type Config struct {
	Path string           // of the file; it and its folder are made, readable for the owner alone, where they are not there
	Now  func() time.Time // nil: time.Now

	// Alone is for servers, of which a file has but one: Open is Unavailable while another store that was opened alone has the file.
	// Others may have it open beside.
	Alone bool

	hash    func(string) digest  // of term values; nil: digestOf
	enough  int                  // 0: enough
	handful int                  // 0: handful
	cache   int                  // bytes; 0: cacheBytes
	elapsed func() time.Duration // a clock that never goes back; nil: the system's
}

// Store is a storage.Store in one SQLite file.
type Store struct {
	now     func() time.Time
	cache   *cache
	names   *names
	reads   *pool
	writes  *writer
	lock    *conn // of a store that is alone, else nil
	hash    func(string) digest
	enough  int // resources that are sorted rather than that an order is followed
	handful int // resources with a value at most, for the short way

	closing sync.RWMutex // held for reading while a call begins
	closed  bool
	calls   sync.WaitGroup
}

var _ storage.Store = (*Store)(nil)

// Open opens the store, makes it where there is none, and brings its layout up to date. The context bounds the
// opening alone. Unavailable when the file cannot be had; Internal when it is no store of this program.
func Open(ctx context.Context, c Config) (*Store, error) {
	path, err := filepath.Abs(c.Path)
	if err == nil {
		path, err = makeFile(path)
	}
	if err != nil {
		return nil, unavailable().Because(err)
	}
	var lock *conn
	if c.Alone {
		if lock, err = own(ctx, path); err != nil {
			return nil, unavailable().Because(err)
		}
	}
	s, err := openFile(ctx, c, path)
	if err != nil {
		return nil, classify(ctx, errors.Join(named(path, err), lock.close()))
	}
	s.lock = lock
	return s, nil
}

// openFile opens a store whose file is there.
func openFile(ctx context.Context, c Config, path string) (*Store, error) {
	main, err := dial(path, writerDSN(path))
	if err != nil {
		return nil, err
	}
	main.writes = true
	if err := migrate(ctx, main); err != nil {
		return nil, errors.Join(err, main.close())
	}
	return newStore(c, main, readerDSN(path)), nil
}

// newStore makes a store of a connection that writes, if it can, and of how others are made that read.
func newStore(c Config, main *conn, readers string) *Store {
	s := &Store{now: c.Now, hash: c.hash, enough: cmp.Or(c.enough, enough), handful: cmp.Or(c.handful, handful)}
	if s.now == nil {
		s.now = time.Now
	}
	if s.hash == nil {
		s.hash = digestOf
	}
	if c.elapsed == nil {
		start := time.Now()
		c.elapsed = func() time.Duration { return time.Since(start) }
	}
	s.cache = newCache(cmp.Or(c.cache, cacheBytes), c.elapsed)
	s.reads = newPool(max(4, 2*runtime.GOMAXPROCS(0)), func() (*conn, error) { return dial(main.path, readers) })
	s.writes = startWriter(main, s.cache, s.now)
	s.names = newNames(s.reads, s.writes)
	return s
}

// enter begins a call, unless the store is closed. The caller calls leave when it succeeded.
func (s *Store) enter(ctx context.Context) error {
	if ctx.Err() != nil {
		return ended(ctx.Err())
	}
	s.closing.RLock()
	defer s.closing.RUnlock()
	if s.closed {
		return unavailable().Because(errClosed)
	}
	s.calls.Add(1)
	return nil
}

var errClosed = errors.New("sqlite: the store is closed")

func (s *Store) leave() { s.calls.Done() }

// Ready takes the write lock and a reader. It writes nothing unless the last write failed: then it fails until a write succeeds, be it its own.
func (s *Store) Ready(ctx context.Context) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	if err := s.writes.do(ctx, s.writes.prove); err != nil {
		return classify(ctx, err)
	}
	return classify(ctx, s.reads.with(ctx, func(c *conn) error {
		_, _, err := c.number(ctx, "SELECT max(instant) FROM version")
		return err
	}))
}

// Records is the store's other half, in the same file.
func (s *Store) Records() storage.Records { return records{s} }

// Transactions is true: SQLite has them.
func (s *Store) Transactions() bool { return true }

// Close waits for the calls that are under way and closes every connection.
func (s *Store) Close() error {
	s.closing.Lock()
	if s.closed {
		s.closing.Unlock()
		return nil
	}
	s.closed = true
	s.closing.Unlock()
	s.calls.Wait()
	return classify(context.Background(), errors.Join(s.reads.close(), s.writes.close(), s.lock.close()))
}

// read runs fn on a reader.
func (s *Store) read(ctx context.Context, fn func(*conn) error) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	return classify(ctx, s.reads.with(ctx, fn))
}

// snapshot runs fn on a reader, in one state of the store.
func (s *Store) snapshot(ctx context.Context, fn func(*conn) error) error {
	return s.read(ctx, func(c *conn) error {
		return c.snapshot(ctx, func() error { return fn(c) })
	})
}

// notFound is the error for a key without any version, or without that one.
func notFound(key fhir.Key) *fhir.Error {
	return fhir.Errorf(fhir.NotFound, fhir.CodeNotFound, "There is no %s.", key)
}
