package sqlite_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	driver "modernc.org/sqlite"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/storage/sqlite"
)

// What SQLite says becomes a kind by its code; what it says of files and statements is not shown.
func TestClassify(t *testing.T) {
	conn, err := new(driver.Driver).Open("file:" + filepath.Join(t.TempDir(), "x.db") + "?_pragma=query_only(1)")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	failing := func(statement string) error {
		s, err := conn.Prepare(statement)
		if err != nil {
			return err
		}
		defer func() { _ = s.Close() }()
		_, err = s.Exec(nil) //nolint:staticcheck // the driver's own interface, without database/sql
		return err
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	refusal := fhir.Errorf(fhir.Conflict, fhir.CodeConflict, "Refused.")
	for name, c := range map[string]struct {
		ctx  context.Context
		err  error
		kind fhir.Kind
	}{
		"read-only":        {t.Context(), failing("CREATE TABLE t (x)"), fhir.Unavailable},
		"bad SQL":          {t.Context(), failing("SELECT nonsense"), fhir.Internal},
		"another failure":  {t.Context(), errors.New("x"), fhir.Internal},
		"context ended":    {ended, failing("SELECT nonsense"), fhir.Unavailable},
		"a refusal":        {t.Context(), refusal, fhir.Conflict},
		"refusal at end":   {ended, refusal, fhir.Conflict},
		"given up waiting": {t.Context(), context.Canceled, fhir.Unavailable},
	} {
		err := sqlite.Classify(c.ctx, c.err)
		var e *fhir.Error
		if !errors.As(err, &e) || e.Kind != c.kind || !errors.Is(err, c.kind) {
			t.Errorf("%s: %v, want kind %q", name, err, c.kind)
			continue
		}
		if c.ctx.Err() != nil && c.kind == fhir.Unavailable && !errors.Is(err, c.ctx.Err()) {
			t.Errorf("%s: %v is not %v", name, err, c.ctx.Err())
		}
		if c.kind != fhir.Conflict && c.ctx.Err() == nil && !errors.Is(err, c.err) {
			t.Errorf("%s: %v does not wrap its cause", name, err)
		}
	}
	if err := sqlite.Classify(ended, nil); err != nil {
		t.Errorf("no error became %v", err)
	}
}
