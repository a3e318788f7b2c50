package rest

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/portico-health/portico/conformance"
	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/engine"
)

const mebibyte = 1 << 20

// enterLater enters in a goroutine of its own, and tells when it is in.
func (d *decoding) enterLater(ctx context.Context, bytes int64) (*admission, chan error) {
	a, in := &admission{decoding: d}, make(chan error, 1)
	go func() { in <- a.enter(ctx, bytes) }()
	synctest.Wait()
	return a, in
}

func isIn(in chan error) bool {
	synctest.Wait()
	return len(in) == 1
}

// Large bodies wait for each other, in order; small ones pass.
func TestDecodingLetsInInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDecoding(64 * mebibyte)
		first, in1 := d.enterLater(t.Context(), 50*mebibyte)
		second, in2 := d.enterLater(t.Context(), 20*mebibyte)
		third, in3 := d.enterLater(t.Context(), 5*mebibyte)
		small, in4 := d.enterLater(t.Context(), smallBody)
		if !isIn(in1) || isIn(in2) || isIn(in3) || !isIn(in4) {
			t.Fatal("the first and the small one should be in, and no other")
		}
		small.leave()
		first.leave()
		first.leave()
		if !isIn(in2) || !isIn(in3) {
			t.Fatal("the others should be in")
		}
		second.leave()
		third.leave()
		if d.free != 64*mebibyte || len(d.waiting) != 0 {
			t.Errorf("%d bytes are free, %d wait", d.free, len(d.waiting))
		}
	})
}

// Who waits as long as its time allows is told to come again, and is in nobody's way.
func TestDecodingGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDecoding(8 * mebibyte)
		first, _ := d.enterLater(t.Context(), 6*mebibyte)
		ctx, cancel := context.WithCancel(t.Context())
		_, in2 := d.enterLater(ctx, 6*mebibyte)
		third, in3 := d.enterLater(t.Context(), 2*mebibyte)
		if isIn(in3) {
			t.Fatal("the third passed the second")
		}
		cancel()
		synctest.Wait()
		if err := <-in2; !errors.Is(err, fhir.Unavailable) {
			t.Errorf("error %v", err)
		}
		if !isIn(in3) {
			t.Error("the third still waits")
		}
		first.leave()
		third.leave()
		if d.free != 8*mebibyte || len(d.waiting) != 0 {
			t.Errorf("%d bytes are free, %d wait", d.free, len(d.waiting))
		}
	})
}

// reading is a server that reads what is sent to the base, and does no more with it.
func reading(d *decoding) *server {
	s := &server{
		Face: &Face{
			Engine:   &engine.Engine{},
			Promises: conformance.Promises{Versions: []conformance.APIVersion{{Number: "1"}}}, Log: slog.New(slog.DiscardHandler),
			Authenticate: func(*http.Request, http.Header) (fhir.Principal, error) {
				return fhir.Principal{Partition: "demo/test", Scopes: fhir.Unlimited()}, nil
			},
		},
		decoding: d,
		routes:   map[target]methods{},
	}
	s.add(target{place: onBase}, http.MethodPost, action{answer: func(x *exchange) error {
		_, err := x.parse(conformance.MaxBundleBytes)
		return err
	}})
	return s
}

// The answer to who waited too long: 503, and when to come again.
func TestDecodingIsAnswered(t *testing.T) {
	s := reading(newDecoding(0))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, conformance.FHIRPath, strings.NewReader(strings.Repeat(" ", smallBody+1)))
	r.Header.Set("Content-Type", typeFHIR)
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" || !strings.Contains(w.Body.String(), "too busy") {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
	if len(s.decoding.waiting) != 0 {
		t.Errorf("%d still wait", len(s.decoding.waiting))
	}
}
