package load

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/portico-health/portico/fhir"
)

const (
	maxRetries  = 8
	firstWait   = 500 * time.Millisecond // doubled each time
	slowestWait = 8 * time.Second
	longestWait = 2 * time.Minute // that a server may ask for
	maxReason   = 2000            // bytes of text
)

// answer is what the server said.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// wait says whether the same request may have better luck later, and when: 429 and 503 say so (RFC 6585 4, RFC 9110 15.6.4).
func (a answer) wait(attempt int, now time.Time) (d time.Duration, again bool) {
	if (a.status != http.StatusTooManyRequests && a.status != http.StatusServiceUnavailable) || attempt == maxRetries {
		return 0, false
	}
	d, told := retryAfter(a.header.Get("Retry-After"), now)
	if !told {
		d = backoff(attempt)
	}
	return d, d <= longestWait
}

// retryAfter reads seconds or a date: RFC 9110 10.2.3.
func retryAfter(value string, now time.Time) (d time.Duration, ok bool) {
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second, true
	}
	at, err := http.ParseTime(value)
	return max(at.Sub(now), 0), err == nil
}

func backoff(attempt int) time.Duration { return min(firstWait<<attempt, slowestWait) }

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// reason is why the server refused: the text of its OperationOutcome, or what there is instead.
func (a answer) reason() string {
	if r, err := fhir.ParseResource(a.body); err == nil && r.Type() == "OperationOutcome" {
		if text := outcome(r.Root()); text != "" {
			return printable(text)
		}
	}
	said := fmt.Sprintf("The server answers %d %s", a.status, http.StatusText(a.status))
	if to := a.header.Get("Location"); to != "" && a.status/100 == 3 {
		said += " and redirects to " + to
	}
	if strings.HasPrefix(a.header.Get("Content-Type"), "text/plain") && len(a.body) > 0 {
		return printable(said + ": " + string(a.body))
	}
	return printable(said + ".")
}

// outcome is the issues of an OperationOutcome in a row, each with its place: https://hl7.org/fhir/R4/operationoutcome.html. Hints are left out when there
// are errors.
func outcome(o *fhir.Object) string {
	var errs, hints []string
	for _, issue := range o.Objects("issue") {
		text := issue.Object("details").Text("text")
		if text == "" {
			text = issue.Text("diagnostics")
		}
		if text == "" {
			text = issue.Text("code")
		}
		for _, path := range issue.Array("expression") {
			if s, ok := path.(string); ok {
				text = s + ": " + text
				break
			}
		}
		if s := issue.Text("severity"); s == string(fhir.Severe) || s == string(fhir.Fatal) {
			errs = append(errs, text)
		} else {
			hints = append(hints, text)
		}
	}
	if len(errs) == 0 {
		errs = hints
	}
	return strings.Join(errs, "; ")
}

// printable makes one line of bounded length of a foreign text, without the characters that steer a terminal.
func printable(s string) string {
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }), " ")
	if len(s) > maxReason {
		s = strings.ToValidUTF8(s[:maxReason], "") + "…"
	}
	return s
}

// sentences is the public text of an error.
func sentences(err error) string {
	var e *fhir.Error
	if !errors.As(err, &e) {
		return err.Error()
	}
	var all []string
	for _, i := range e.Issues {
		if i.Path != "" && e.Kind == fhir.Invalid {
			all = append(all, i.Path+": "+i.Detail)
		} else {
			all = append(all, i.Detail)
		}
	}
	return strings.Join(all, " ")
}
