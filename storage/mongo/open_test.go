package mongo

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"

	"github.com/portico-health/portico/fhir"
)

// What the connection string says goes before the defaults, and the defaults are set where it is silent.
func TestDialling(t *testing.T) {
	type times struct {
		operation, selection, connect time.Duration
		pool                          uint64
		name                          string
		compressors                   []string
	}
	for uri, c := range map[string]struct {
		patience time.Duration
		want     times
	}{
		"mongodb://db:27017/portico":          {0, times{10 * time.Second, 5 * time.Second, 5 * time.Second, 64, "portico", []string{"snappy", "zstd"}}},
		"mongodb://db:27017,db2/portico":      {2 * time.Second, times{2 * time.Second, time.Second, time.Second, 64, "portico", []string{"snappy", "zstd"}}},
		"mongodb://db/portico?timeoutMS=0":    {0, times{10 * time.Second, 5 * time.Second, 5 * time.Second, 64, "portico", []string{"snappy", "zstd"}}},
		"mongodb://db/portico?timeoutMS=3000": {time.Second, times{3 * time.Second, 1500 * time.Millisecond, 1500 * time.Millisecond, 64, "portico", []string{"snappy", "zstd"}}},
		"mongodb://a:b@db/portico?maxPoolSize=5&appName=x&compressors=zlib&serverSelectionTimeoutMS=7&connectTimeoutMS=8": {0, times{10 * time.Second, 7 * time.Millisecond, 8 * time.Millisecond, 5, "x", []string{"zlib"}}},
	} {
		o, database, err := dialling(Config{URI: uri, Patience: c.patience})
		if err != nil {
			t.Errorf("%s: %v", uri, err)
			continue
		}
		got := times{*o.Timeout, *o.ServerSelectionTimeout, *o.ConnectTimeout, *o.MaxPoolSize, *o.AppName, o.Compressors}
		if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(times{})); diff != "" || database != "portico" {
			t.Errorf("%s: database %q, got +, want -:\n%s", uri, database, diff)
		}
	}
}

// A connection string that cannot be used is refused with all that is wrong with it, and nothing of its secrets.
func TestDiallingRefused(t *testing.T) {
	for uri, says := range map[string][]string{
		"":                                {"connection string"},
		"http://db/portico":               {"scheme"},
		"mongodb://db":                    {"names no database"},
		"mongodb://user:s3cret@db:27017/": {"names no database"},
		"mongodb://db/?readPreference=secondary&w=0":           {"names no database", "readPreference=secondary", "w=0"},
		"mongodb://user:s3cret@db/portico?tsl=true&Foo=s3cret": {"does not know, and would ignore: foo, tsl."},
		"mongodb://user:s3cret@db/admin?w=0&x=y":               {"MongoDB's own", "authSource=admin", "w=0", "ignore: x."},
		"mongodb://user:s3cret@db/portico/":                    {`"portico/"`, "slashes"},
		"mongodb://user:s3cret@db/a.b":                         {`"a.b"`, "dots"},
		"mongodb://user:s3cret@db/a%20b":                       {`"a b"`, "spaces"},
		"mongodb://user:s3cret@db/" + strings.Repeat("p", 64):  {"63 bytes"},
		"mongodb://user:s3cret%@db/portico":                    {"%XX"},
		"mongodb://user:s3cr@t%zz@db/portico":                  {"%XX"},
		"mongodb://user:s3cret/x@db/portico":                   {"%XX"},
		"mongodb://user:s3cret@db/portico?timeoutMS=abc":       {"timeoutms"},
		"mongodb://user:s3cret@db:99999999/portico":            {"port"},
		"mongodb://db/portico?authMechanism=MONGODB-AWS&authMechanismProperties=AWS_SESSION_TOKEN=s3cret,s3": {"%XX"},
	} {
		_, err := connect(Config{URI: uri})
		if !errors.Is(err, fhir.Invalid) {
			t.Errorf("%s: %v", uri, err)
			continue
		}
		for _, part := range says {
			if !strings.Contains(strings.ToLower(err.Error()), strings.ToLower(part)) {
				t.Errorf("%s: %q does not say %q", uri, err, part)
			}
		}
		if text := err.Error(); strings.Contains(text, "s3c") || strings.Contains(text, "user:") {
			t.Errorf("%s: %q tells a secret", uri, text)
		}
	}
}

// Where there are several servers a majority has to have a write, where there is one its journal; what the connection string says goes before.
func TestConcerns(t *testing.T) {
	for _, c := range []struct {
		uri        string
		replicated bool
		write      writeconcern.WriteConcern
		journal    bool
		read       string
		weak       bool
	}{
		{"mongodb://db/portico", false, writeconcern.WriteConcern{}, true, "", false},
		{"mongodb://db/portico", true, writeconcern.WriteConcern{W: "majority"}, true, "majority", false},
		{"mongodb://db/portico?journal=true", true, writeconcern.WriteConcern{W: "majority"}, true, "majority", false},
		{"mongodb://db/portico?w=majority", true, writeconcern.WriteConcern{W: "majority"}, true, "majority", false},
		{"mongodb://db/portico?w=3&journal=false&readConcernLevel=local", true, writeconcern.WriteConcern{W: 3}, false, "local", true},
		{"mongodb://db/portico?w=1", true, writeconcern.WriteConcern{W: 1}, true, "majority", true},
	} {
		dial, _, err := dialling(Config{URI: c.uri})
		if err != nil {
			t.Fatal(err)
		}
		got := options.DatabaseOptions{WriteConcern: dial.WriteConcern, ReadConcern: dial.ReadConcern}
		for _, set := range concerns(deployment{replicated: c.replicated}, dial).List() {
			if err := set(&got); err != nil {
				t.Fatal(err)
			}
		}
		level := ""
		if got.ReadConcern != nil {
			level = got.ReadConcern.Level
		}
		if got.WriteConcern.W != c.write.W || *got.WriteConcern.Journal != c.journal || level != c.read || isWeak(dial) != c.weak {
			t.Errorf("%s, replicated %t: %+v, journal %t, read concern %q", c.uri, c.replicated, got.WriteConcern, *got.WriteConcern.Journal, level)
		}
	}
}

// The deadline of a context bounds a call, and so does the patience, whichever is nearer.
func TestPatient(t *testing.T) {
	s := &Store{config: Config{Patience: time.Minute}}
	if _, ends := s.patient(t.Context()).Deadline(); ends {
		t.Error("a context without deadline has one")
	}
	for left, kept := range map[time.Duration]bool{time.Second: true, time.Hour: false} {
		ctx, cancel := context.WithTimeout(t.Context(), left)
		want, _ := ctx.Deadline()
		got, ends := s.patient(ctx).Deadline()
		if ends != kept || kept && !got.Equal(want) {
			t.Errorf("%v left: %v, %t", left, got, ends)
		}
		cancel()
		if s.patient(ctx).Err() == nil {
			t.Error("it does not end with the other")
		}
	}
}

// What was not sent when a connection is closed is not sent later.
func TestClosingDropsWhatWasNotSent(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	client, err := dialer{}.DialContext(t.Context(), "tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	server, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Close() }()
	much := make([]byte, 64<<20) // more than the system takes while nobody reads
	if err := client.SetWriteDeadline(time.Now().Add(200 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	sent, err := client.Write(much)
	if err == nil {
		t.Fatal("the system took everything")
	}
	if err := client.Close(); err != nil {
		t.Fatal(err)
	}
	if came, err := io.Copy(io.Discard, server); err == nil {
		t.Errorf("%d of %d bytes came after all (%v)", came, sent, err)
	}
}
