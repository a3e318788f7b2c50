package storagetest

import (
	"strconv"
	"strings"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/storage"
)

// bodies holds that a store gives back what it was given, stamped: every member in its place, every digit and every exponent.
func bodies(x *house) {
	const text = `{"resourceType":"Patient","id":"%","meta":{"profile":["http://example.org/p"]},"z":1.10,"a":[null,{"ü":"\u0001😀<&>"}],"n":-1e-7,"x":` + `"` + `%` + `"}`
	for _, size := range []int{0, 1, 3_000, 100_000, 3 << 20} {
		id := name("s%d", size)
		x.gives(id, strings.Replace(strings.Replace(text, "%", id, 1), "%", strings.Repeat("long ", size/5), 1))
	}
	for i, members := range []string{
		`"n":[0,-0,0.0,-0.00,0e3,1,-1,10,100,1e2,1E+2,1.0e-3,0.001,1.50,-12.340]`,
		`"n":[2147483647,2147483648,-2147483648,-2147483649,9223372036854775807,9223372036854775808,-9223372036854775808,-9223372036854775809]`,
		`"n":[1234567890123456789012345678901234,-0.1234567890123456789012345678901234,1.000000000000000000000000000000000,1e300,-9.5E-300]`,
		`"b":"a","a":"b","_a":{"id":"x"},"A":true,"":"","$set":{"$gt":1},"a.b":{".":"$"},"é":false`,
		`"s":["","\"\\\/\b\f\n\r\t","\u0000a\u0000","\u2028\uFFFD","\ud83d\ude00","Z\u0301","1.0","{}","2026-01-01T00:00:00Z"]`,
		`"contained":[{"resourceType":"Practitioner","id":"p","meta":{"tag":[{"code":"x"}]}}],"o":{"resourceType":"none","id":7},"d":[[[[1]]],[],{},[{}]]`,
	} {
		id := name("n%d", i)
		x.gives(id, `{"resourceType":"Patient","id":"`+id+`",`+members+`}`)
	}
	if x.h.Largest == 0 {
		return
	}
	key := patient("large")
	v := x.commit(home, put(key, strings.Repeat("x", x.h.Largest-1_000)))[0].Version
	x.equal(must(x.Read(x.ctx, home, key)), v)
	for _, key := range []fhir.Key{key, patient("larger")} {
		_, err := x.Commit(x.ctx, home, []storage.Op{put(key, strings.Repeat("x", x.h.Largest))})
		x.wantOp(err, 0, fhir.TooLarge)
	}
	x.equal(must(x.Read(x.ctx, home, key)), v)
	_, err := x.Read(x.ctx, home, patient("larger"))
	x.want(err, fhir.NotFound)
}

// gives demands that a Patient comes back as it was written: from the commit, read, as a version that was superseded, and found.
func (x *house) gives(id, text string) {
	x.Helper()
	key := patient(id)
	r, err := fhir.ParseResource([]byte(text))
	x.check(err)
	draft := fhir.NewDraft(r)
	v := x.commit(home, storage.Op{Key: key, Resource: r})[0].Version
	x.equal(x.spelt(v.Body), x.spelt(draft.Stamp(1, v.Instant)))
	x.equal(must(x.Read(x.ctx, home, key)), v)
	page, err := x.History(x.ctx, home, storage.HistoryQuery{Key: key, Limit: 1})
	x.check(err)
	x.equal(page.Versions, []fhir.Version{v})
	x.commit(home, remove(key))
	x.equal(must(x.ReadVersion(x.ctx, home, key, 1)), v)
}

// spelt is a body whose numbers are all spelt in one way where the store need not keep their spelling.
func (x *house) spelt(body []byte) string {
	if !x.h.Respells {
		return string(body)
	}
	var out strings.Builder
	for rest := string(body); rest != ""; {
		n := strings.IndexAny(rest, `"-0123456789`)
		if n < 0 {
			n = len(rest)
		}
		out.WriteString(rest[:n])
		if rest = rest[n:]; rest == "" {
			break
		}
		if n = stringEnd(rest); n > 0 {
			out.WriteString(rest[:n])
		} else {
			n = len(rest) - len(strings.TrimLeft(rest, "-+.0123456789eE"))
			out.WriteString(respell(rest[:n]))
		}
		rest = rest[n:]
	}
	return out.String()
}

// stringEnd is where the string of JSON ends that a text begins with; 0 where it begins with none.
func stringEnd(text string) int {
	if text[0] != '"' {
		return 0
	}
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(text)
}

// respell gives a number's digits as an integer, and its exponent: 1.50 is 150e-2, 1E+2 is 1e2, 100 is 100e0.
func respell(number string) string {
	sign := ""
	if strings.HasPrefix(number, "-") {
		sign = "-"
	}
	digits, power, _ := strings.Cut(strings.ToLower(number[len(sign):]), "e")
	exponent, _ := strconv.Atoi(power) // none is 0
	whole, fraction, _ := strings.Cut(digits, ".")
	if digits = strings.TrimLeft(whole+fraction, "0"); digits == "" {
		digits = "0"
	}
	return name("%s%se%d", sign, digits, exponent-len(fraction))
}
