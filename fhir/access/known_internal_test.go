package access

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/audit"
	"github.com/portico-health/portico/storage"
	"github.com/portico-health/portico/storage/sqlite"
)

// A credential as it is known, and a digest, are careful about what a log or a dump tells of them.
func TestAHolderTellsItsIDAlone(t *testing.T) {
	k := kept{Credential: Credential{ID: "test_" + chance(idLength), Mode: Test, Sites: []string{"demo"}, Scopes: []string{DefaultScope}}}
	_, secret, _ := splitKey(k.renew())
	h, err := newHolder(k)
	if err != nil {
		t.Fatal(err)
	}
	sum := digestOf(secret)
	var told bytes.Buffer
	for _, v := range []any{h, h.secrets[0].Digest, sum, &sum} {
		fmt.Fprintf(&told, "%v %+v %#v %s %q %x %X %d\n", v, v, v, v, v, v, v, v)
		slog.New(slog.NewTextHandler(&told, nil)).Info("told", "value", v)
		slog.New(slog.NewJSONHandler(&told, nil)).Info("told", "value", v)
	}
	raw := sum[:]
	for _, form := range []string{hex.EncodeToString(raw), fmt.Sprintf("%X", raw), fmt.Sprintf("%d", raw), string(raw), secret} {
		if strings.Contains(told.String(), form) {
			t.Errorf("a digest is told as %q", form)
		}
	}
	if !strings.Contains(told.String(), k.ID) {
		t.Error("the id is not told")
	}
}

// What is kept of a credential comes back as it was.
func TestADigestSurvivesItsRecord(t *testing.T) {
	k := kept{Credential: Credential{ID: "test_" + chance(idLength)}}
	_, first, _ := splitKey(k.renew())
	k.retire(time.Now(), time.Hour)
	_, second, _ := splitKey(k.renew())
	text, err := json.Marshal(k)
	if err != nil {
		t.Fatal(err)
	}
	var again kept
	if err := json.Unmarshal(text, &again); err != nil {
		t.Fatal(err)
	}
	h, err := newHolder(again)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for secret, want := range map[string]bool{first: true, second: true, "": false, second[1:]: false, second + "A": false, chance(secretLength): false} {
		if h.proves(secret, now) != want {
			t.Errorf("proves %v", !want)
		}
	}
	if h.proves(first, now.Add(2*time.Hour)) || (*holder)(nil).proves(second, now) {
		t.Error("what does not work any more proves something")
	}
	for _, broken := range []string{`"12"`, `"zz` + strings.Repeat("0", 62) + `"`, `"` + strings.Repeat("0", 66) + `"`} {
		var d digest
		if json.Unmarshal([]byte(broken), &d) == nil {
			t.Errorf("%s is read as a digest", broken)
		}
	}
}

// FuzzSplitKey holds true of any text: what is taken as a key has its form, and is what its parts make.
func FuzzSplitKey(f *testing.F) {
	for _, s := range []string{"test_AAAAAAAAAAAAAAAAAAAAAA.BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB", "live_", "test_.", "a.b.c", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		id, secret, ok := splitKey(text)
		if ok != (len(text) == 71 && (text[:5] == "test_" || text[:5] == "live_") && text[27] == '.' && ofAlphabet(text[5:27]) && ofAlphabet(text[28:])) {
			t.Fatalf("%q: %v", text, ok)
		}
		if ok && id+"."+secret != text {
			t.Fatalf("%q is %q and %q", text, id, secret)
		}
	})
}

// FuzzPresented holds true of whatever headers and query come: nothing panics, and one credential at most comes of it.
func FuzzPresented(f *testing.F) {
	f.Add("Bearer a", "b", "c", "d", "access_token=a")
	f.Add("Basic a, Bearer b", "", "x,y", "", "%61ccess_token=%zz&&=&")
	f.Fuzz(func(t *testing.T, authorization, key, site, group, query string) {
		r := &http.Request{Header: http.Header{"Authorization": {authorization}, "X-Api-Key": {key}, "Su-Siteid": {site}, "X-Practice-Group-Id": {group}}}
		r.URL = httptest.NewRequest(http.MethodGet, "/", http.NoBody).URL
		r.URL.RawQuery = query
		c, err := presented(r)
		if err == nil && (strings.Contains(c.text, ",") || c.bearer && c.strange || c.text == "" && (c.bearer || c.strange)) {
			t.Fatalf("%+v", c)
		}
		if asked, err := askedSite(r.Header); err == nil && strings.Contains(asked, ",") {
			t.Fatalf("the site is %q", asked)
		}
	})
}

// nobody records nothing.
type nobody struct{}

func (nobody) Record(audit.Event) error { return nil }

func (nobody) Settle(context.Context, fhir.Partition) error { return nil }

// BenchmarkAuthenticate is what a request costs whose credential and site are known.
func BenchmarkAuthenticate(b *testing.B) {
	for name, limits := range map[string]Limits{"unlimited": {}, "limited": {Requests: 1 << 30, SignIns: 1 << 30, Refusals: 1 << 30}} {
		b.Run(name, func(b *testing.B) {
			store, err := sqlite.Open(b.Context(), sqlite.Config{Path: b.TempDir() + "/access.db"})
			if err != nil {
				b.Fatal(err)
			}
			defer func(s storage.Store) { _ = s.Close() }(store)
			a := New(Config{Records: store.Records(), Now: time.Now, Log: slog.New(slog.DiscardHandler), Audit: nobody{}, Limits: limits})
			if _, err := a.CreateSite(b.Context(), "demo-"+name); err != nil {
				b.Fatal(err)
			}
			_, key, err := a.CreateCredential(b.Context(), NewCredential{Mode: Test, Sites: []string{"demo-" + name}})
			if err != nil {
				b.Fatal(err)
			}
			r := httptest.NewRequest(http.MethodGet, "/fhir/Patient?name=peter&_count=20", http.NoBody)
			r.Header.Set("Authorization", "Bearer "+key)
			r.Header.Set("SU-SiteId", "demo-"+name)
			r.Header.Set("X-Request-Id", fhir.NewID(time.Now()))
			answer := http.Header{}
			b.ReportAllocs()
			for b.Loop() {
				clear(answer)
				if _, err := a.Authenticate(r, answer); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
