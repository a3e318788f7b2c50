package mongo

import (
	"context"
	"errors"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/event"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// What changes between the moment when a page was chosen and the one when its bodies are fetched is looked for anew, and left out where it changes again and again;
// the page is full either way.
func TestPagesOfWhatChanges(t *testing.T) {
	p := newPractice(t, 400)
	q := search.Query{Type: "Patient", Sort: by(search.SortKey{Param: "name", By: search.ByText})}
	before, err := p.Search(t.Context(), home, q, storage.PageRequest{Limit: pageSize + 1})
	if err != nil {
		t.Fatal(err)
	}
	restless := before.Versions[3].Key
	for _, c := range []struct {
		changes int // one before each fetch of bodies
		comes   bool
	}{{1, true}, {patiently - 1, true}, {patiently, false}, {100, false}} {
		left := c.changes
		config := p.config
		config.monitor = &event.CommandMonitor{Started: func(ctx context.Context, e *event.CommandStartedEvent) {
			if left > 0 && strings.Contains(e.Command.String(), `"$in"`) {
				left--
				change := bson.D{{Key: "$inc", Value: bson.D{{Key: fieldInstant, Value: int64(1_000_000)}, {Key: fieldVersion, Value: int64(1)}}}}
				if _, err := p.current("Patient").UpdateByID(ctx, documentID(home, restless.ID), change); err != nil {
					t.Error(err)
				}
			}
		}}
		s := openAgain(t, config)
		page, err := s.Search(t.Context(), home, q, storage.PageRequest{Limit: pageSize, Budget: 10_000})
		if err != nil {
			t.Fatal(err)
		}
		var got, want []string
		for _, v := range page.Versions {
			got = append(got, v.Key.ID)
		}
		for _, v := range before.Versions {
			if (c.comes || v.Key != restless) && len(want) < pageSize {
				want = append(want, v.Key.ID)
			}
		}
		if strings.Join(got, " ") != strings.Join(want, " ") || page.Next == nil {
			t.Errorf("with %d changes the page has %v, want %v, and that there are more", c.changes, got, want)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// What takes the database too long, or more memory than it has for sorting, is too costly; a database that does not answer is out of reach.
func TestTooLong(t *testing.T) {
	expired := mongo.CommandError{Code: 50, Name: "MaxTimeMSExpired"}
	for _, c := range []struct {
		err  error
		want fhir.Kind
	}{{expired, fhir.TooCostly}, {mongo.CommandError{Code: 292}, fhir.TooCostly}, {mongo.CommandError{Code: 91}, fhir.Unavailable}} {
		if err := classify(t.Context(), tooLong(c.err)); !errors.Is(err, c.want) {
			t.Errorf("%v becomes %v, want one of kind %q", c.err, err, c.want)
		}
	}
}
