package rest

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/engine"
)

// Preconditions: RFC 9110 13; https://hl7.org/fhir/R4/http.html#concurrency and #cread. The entity tag of a
// resource's version 3 is W/"3". FHIR compares the version alone, so that "3" and the bare 3 mean it too.

// tags are the entity tags of a header.
type tags struct {
	any    bool     // *
	opaque []string // without W/ and quotation marks
}

// parseTags reads If-Match or If-None-Match. Its error is Invalid.
func parseTags(header string, values []string) (tags, error) {
	if len(values) == 0 {
		return tags{}, nil
	}
	const between = ", \t"
	var t tags
	all := strings.Join(values, ",")
	rest := strings.Trim(all, between)
	if rest == "*" {
		return tags{any: true}, nil
	}
	for ok := true; ok; rest = strings.TrimLeft(rest, between) {
		var tag string
		if tag, rest, ok = cutTag(rest); ok {
			t.opaque = append(t.opaque, tag)
		}
		if ok && rest == "" {
			return t, nil
		}
	}
	return tags{}, fhir.Errorf(fhir.Invalid, fhir.CodeValue, `%s is no list of entity tags: write W/"3" for version 3 of the resource, several with commas between, or *.`, fhir.Quote(all)).At(ofHTTP(header))
}

// cutTag takes the first entity tag off a list.
func cutTag(list string) (tag, rest string, ok bool) {
	quoted := strings.TrimPrefix(list, "W/")
	if strings.HasPrefix(quoted, `"`) {
		tag, rest, ok = strings.Cut(quoted[1:], `"`)
	} else { // the bare number of a version
		end := strings.IndexAny(list, ", \t")
		if end < 0 {
			end = len(list)
		}
		tag, rest = list[:end], list[end:]
		_, ok = versionNumber(tag)
	}
	after := strings.TrimLeft(rest, " \t")
	return tag, rest, ok && (after == "" || after[0] == ',')
}

// versionNumber reads the number of a version as it is written in a URL and in an entity tag.
func versionNumber(s string) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && n > 0 && strconv.FormatInt(n, 10) == s
}

// names says whether the tags name a version.
func (t tags) names(v fhir.Version) bool {
	number := strconv.FormatInt(v.Number, 10)
	for _, o := range t.opaque {
		if o == number {
			return true
		}
	}
	return t.any
}

// precondition reads what a write demands of the state that it finds. Its errors are Invalid, and PreconditionFailed for tags
// that no version has.
func (x *exchange) precondition() (engine.Precondition, error) {
	pre := engine.Precondition{Required: x.version.MatchRequired}
	match, err := parseTags("If-Match", x.request.Header.Values("If-Match"))
	if err != nil {
		return pre, err
	}
	noneMatch, err := parseTags("If-None-Match", x.request.Header.Values("If-None-Match"))
	switch {
	case err != nil:
		return pre, err
	case len(noneMatch.opaque) > 0:
		return pre, fhir.Errorf(fhir.Invalid, fhir.CodeNotSupported, "On a write, If-None-Match can only be *: the resource must not exist.").At(ofHTTP("If-None-Match"))
	case noneMatch.any && (match.any || len(match.opaque) > 0):
		return pre, fhir.Errorf(fhir.Invalid, fhir.CodeInvalid, "If-Match and If-None-Match contradict each other: one demands that the resource exists, the other that it does not.").At(ofHTTP("If-Match"))
	}
	pre.Absent, pre.Exists = noneMatch.any, match.any
	if len(match.opaque) > 0 {
		err = match.bind(&pre, x.key)
	}
	return pre, err
}

// bind binds a write to the versions that If-Match names. A tag that cannot be a version's names none.
func (t tags) bind(pre *engine.Precondition, key fhir.Key) error {
	var numbers []int64
	for _, o := range t.opaque {
		if n, ok := versionNumber(o); ok {
			numbers = append(numbers, n)
		}
	}
	switch len(numbers) {
	case 0:
		return mismatch("%s has no version %s. The current one is in the ETag of a read.", key, fhir.Quote(strings.Join(t.opaque, ", ")))
	case 1:
		pre.Version = numbers[0]
	default:
		pre.OneOf = numbers
	}
	return nil
}

func mismatch(format string, args ...any) error {
	return fhir.Errorf(fhir.PreconditionFailed, fhir.CodeConflict, format, args...).At(ofHTTP("If-Match"))
}

// notModified says whether the client has the version already: by If-None-Match, or, only without it, by
// If-Modified-Since. What is malformed in them does not count.
func (s *server) notModified(x *exchange, v fhir.Version) bool {
	if values := x.request.Header.Values("If-None-Match"); len(values) > 0 {
		t, err := parseTags("If-None-Match", values)
		return err == nil && t.names(v)
	}
	text := field(x.request.Header, "If-Modified-Since")
	if text == "" { // nearly always
		return false
	}
	since, err := http.ParseTime(text)
	if err != nil {
		return false
	}
	second := v.Instant.Time().Truncate(time.Second) // the Last-Modified of the version
	return second.Before(since) || second.Equal(since) && s.aloneSince(x, v, second)
}

// aloneSince says whether a version is the first of its second. A client that names a second may have seen any version of
// it; the date only stands for one when the server "reliably knows that the associated representation did not change
// twice during the second covered by the presented validator" (RFC 9110 8.8.2.2).
func (s *server) aloneSince(x *exchange, v fhir.Version, second time.Time) bool {
	if v.Number == 1 {
		return true
	}
	before, err := s.Engine.InstantBefore(x.request.Context(), x.who, v)
	return err == nil && before.Time().Before(second)
}
