package rest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/gorilla/mux"

	"github.com/portico-health/portico/conformance"
	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/engine"
)

// discard is a ResponseWriter that keeps nothing but its headers and the number of bytes.
type discard struct {
	header http.Header
	bytes  int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(b []byte) (int, error) { d.bytes += len(b); return len(b), nil }
func (d *discard) WriteHeader(int)             {}

// benchmark serves one request again and again.
func benchmark(b *testing.B, h http.Handler, r *http.Request) {
	b.Helper()
	b.ReportAllocs()
	w := &discard{header: http.Header{}}
	for b.Loop() {
		clear(w.header)
		w.bytes = 0
		h.ServeHTTP(w, r)
	}
	b.SetBytes(int64(w.bytes))
}

// bare writes bytes that are ready: what no face can be faster than.
func bare(body []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/fhir+json")
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = w.Write(body)
	})
}

// BenchmarkFace shows what the face costs: beside the engine alone, and beside a handler that writes the same bytes.
func BenchmarkFace(b *testing.B) {
	h := open(b)
	for i := range 50 {
		h.put(b, fmt.Sprintf("p%d", i), "Ash")
	}
	router := mux.NewRouter()
	must(b, h.face.Routes(router))
	who := fhir.Principal{Partition: "demo/test", Scopes: fhir.Unlimited(), Admin: true}
	ask := func(path string) *http.Request {
		return httptest.NewRequestWithContext(b.Context(), http.MethodGet, conformance.FHIRPath+path, nil)
	}
	_, resource := h.send(b, scenario{path: "/Patient/p1"})
	_, page := h.send(b, scenario{path: "/Patient?family=ash"})
	b.Run("read/bare", func(b *testing.B) { benchmark(b, bare(resource), ask("/Patient/p1")) })
	b.Run("read/engine", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, err := h.face.Engine.Read(b.Context(), who, fhir.Key{Type: "Patient", ID: "p1"})
			must(b, err)
		}
	})
	b.Run("read/face", func(b *testing.B) { benchmark(b, router, ask("/Patient/p1")) })
	b.Run("search/bare", func(b *testing.B) { benchmark(b, bare(page), ask("/Patient?family=ash")) })
	b.Run("search/engine", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, err := h.face.Engine.Search(b.Context(), who, engine.SearchRequest{Type: "Patient", Query: "family=ash", Face: "1"})
			must(b, err)
		}
	})
	b.Run("search/face", func(b *testing.B) { benchmark(b, router, ask("/Patient?family=ash")) })
}

// BenchmarkBundle shows what a hundred updates cost one after the other, each by a request of its own or all by one Bundle.
func BenchmarkBundle(b *testing.B) {
	h := open(b)
	router := mux.NewRouter()
	must(b, h.face.Routes(router))
	entries := make([]string, 100)
	for i := range entries {
		id := "p" + strconv.Itoa(i)
		entries[i] = entry(http.MethodPut, "Patient/"+id, patient(id, "Ash"))
	}
	send := func(b *testing.B, method, path, body string) {
		r := httptest.NewRequestWithContext(b.Context(), method, conformance.FHIRPath+path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/fhir+json")
		r.Header.Set("Prefer", "return=minimal")
		w := httptest.NewRecorder()
		router.ServeHTTP(w, r)
		if w.Code != http.StatusOK && w.Code != http.StatusCreated {
			b.Fatalf("%d: %s", w.Code, w.Body)
		}
	}
	b.Run("requests", func(b *testing.B) {
		for b.Loop() {
			for i := range entries {
				id := "p" + strconv.Itoa(i)
				send(b, http.MethodPut, "/Patient/"+id, patient(id, "Ash"))
			}
		}
	})
	for _, bundleType := range []string{"batch", "transaction"} {
		text := bundleOf(bundleType, entries...)
		b.Run(bundleType, func(b *testing.B) {
			for b.Loop() {
				send(b, http.MethodPost, "", text)
			}
		})
	}
}

// BenchmarkMoreThanMatches shows what is added to a page of 50 by what comes with it, and by searching all types.
func BenchmarkMoreThanMatches(b *testing.B) {
	h := open(b)
	for i := range 10 {
		h.store(b, [2]string{fmt.Sprintf("Schedule/%d", i), schedule("Practitioner/jo")})
	}
	for i := range 500 {
		h.store(b, [2]string{fmt.Sprintf("Slot/%d", i), slot(fmt.Sprintf("Schedule/%d", i%10))})
		h.store(b, [2]string{fmt.Sprintf("Encounter/%d", i), fmt.Sprintf(`"status":"planned","class":{"code":"AMB"},"subject":{"reference":"Patient/%d"}`, i/5)})
	}
	router := mux.NewRouter()
	must(b, h.face.Routes(router))
	for _, path := range []string{
		"/Slot?_total=none", "/Slot?_total=none&_include=Slot:schedule", "/Slot?_total=none&_include:iterate=*", "/Schedule?_total=none", "/Schedule?_total=none&_revinclude=Slot:schedule",
		"?_total=none", "?_total=none&_type=Slot,Encounter", "/Encounter?_total=none&subject=Patient/7", "/Patient/7/Encounter?_total=none", "/Patient/7/*?_total=none",
	} {
		r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, conformance.FHIRPath+path, nil)
		b.Run(strings.NewReplacer("?", ".", "/", "").Replace(path), func(b *testing.B) { benchmark(b, router, r) })
	}
}
