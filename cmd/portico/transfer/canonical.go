package transfer

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"strconv"
	"strings"

	"github.com/portico-health/portico/fhir"
)

// canonical is a text of a version that is the same for the same version in every store: drivers keep the digits and the exponent of a number, but not
// how it was written ("1e2" may come back as "1E+2").
func canonical(v version) ([]byte, error) {
	text := fmt.Appendf(nil, "%s %s %d %d %s %t ", v.partition, v.Key, v.Number, v.Instant, v.Method, v.existed)
	if v.Body == nil {
		return text, nil
	}
	r, err := fhir.ParseResource(v.Body)
	if err != nil {
		return nil, fmt.Errorf("%s %s version %d is no resource", v.partition, v.Key, v.Number) // what is wrong in it may be personal
	}
	return fhir.AppendJSON(text, Plain(r.Root())), nil
}

// Plain is a tree of JSON whose numbers are written in one way.
func Plain(value any) any {
	switch value := value.(type) {
	case *fhir.Object:
		o := fhir.NewObject()
		for name, member := range value.All() {
			o.Set(name, Plain(member))
		}
		return o
	case fhir.Array:
		a := make(fhir.Array, len(value))
		for i, item := range value {
			a[i] = Plain(item)
		}
		return a
	case fhir.Number:
		return plainNumber(string(value))
	default:
		return value
	}
}

// plainNumber is sign, digits without leading zeros, and exponent of a number: "-7.20e1" is "-720e-1".
func plainNumber(text string) string {
	digits, exponent, _ := strings.Cut(strings.ToLower(text), "e")
	digits, negative := strings.CutPrefix(digits, "-")
	whole, fraction, _ := strings.Cut(digits, ".")
	power, _ := strconv.Atoi(exponent) // nothing is 0
	digits = strings.TrimLeft(whole+fraction, "0")
	if digits == "" {
		digits = "0"
	}
	if negative {
		digits = "-" + digits
	}
	return digits + "e" + strconv.Itoa(power-len(fraction))
}

// digest is a hash of versions in the order in which they are added.
type digest struct{ hash.Hash }

func newDigest() digest { return digest{sha256.New()} }

func (d digest) add(text []byte) {
	_, _ = d.Write(strconv.AppendInt(nil, int64(len(text)), 10)) // a hash.Hash never fails
	_, _ = d.Write(text)
}

func (d digest) String() string { return fmt.Sprintf("%x", d.Sum(nil)[:16]) }
