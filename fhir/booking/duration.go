package booking

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/portico-health/portico/fhir"
)

const (
	ucum        = "http://unitsofmeasure.org"
	maxDuration = 400 * 24 * time.Hour // what is longer is a mistake: nobody plans appointments so far ahead
)

// units are those in which rules are told, by their UCUM codes (https://ucum.org/ucum).
var units = map[string]time.Duration{"min": time.Minute, "h": time.Hour, "d": 24 * time.Hour}

// readDuration reads a Duration (https://hl7.org/fhir/R4/datatypes.html#Duration) of 0 to 400 days: an exact value in min, h or d, by its code or, where it has
// none, by its unit. It says what is wrong with another one, as the end of a sentence; "" for nothing.
func readDuration(o *fhir.Object) (d time.Duration, wrong string) {
	value, _ := o.Get("value")
	number, isNumber := value.(fhir.Number)
	code := o.Text("code")
	if code == "" {
		code = o.Text("unit")
	}
	unit, known := units[code]
	system, hasSystem := o.Get("system")
	_, compared := o.Get("comparator")
	switch {
	case o == nil:
		return 0, "this has no valueDuration"
	case !isNumber:
		return 0, "this has no value"
	case compared:
		return 0, "this has a comparator, and would be no certain time"
	case hasSystem && system != ucum:
		return 0, "the system of this is " + fhir.Quote(o.Text("system")) + ", not " + ucum
	case !known:
		return 0, "the unit of this is " + fhir.Quote(code)
	}
	amount, err := strconv.ParseFloat(number.String(), 64)
	if longest := float64(maxDuration) / float64(unit); err != nil || amount < 0 || amount > longest {
		return 0, fmt.Sprintf("this is %s %s, and 0 to %g are possible", fhir.Describe(number), code, longest)
	}
	return time.Duration(math.Round(amount*float64(unit/time.Microsecond))) * time.Microsecond, ""
}

// inWords is a duration as it stands in a sentence: "2 days", "90 minutes".
func inWords(d time.Duration) string {
	for _, u := range []struct {
		length time.Duration
		name   string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}} {
		switch {
		case d == u.length:
			return "1 " + u.name
		case d%u.length == 0:
			return strconv.FormatInt(int64(d/u.length), 10) + " " + u.name + "s"
		}
	}
	return d.String()
}
