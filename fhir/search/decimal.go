package search

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"
)

// decimal is an exact number: coefficient × 10^exponent, as it was written.
type decimal struct {
	coefficient *big.Int
	exponent    int64
	scientific  bool // it was written with an exponent
	fraction    bool // it was written with a point
}

// exponentDigits bounds the digits of an exponent, so that what is reckoned with exponents fits into an int64.
const exponentDigits = 17

// parseDecimal reads a number as FHIR writes decimals (https://hl7.org/fhir/R4/datatypes.html#decimal), also with leading zeros.
func parseDecimal(text string) (decimal, error) {
	mantissa, exponent, scientific := strings.Cut(strings.Replace(text, "E", "e", 1), "e")
	whole, fraction, hasPoint := strings.Cut(mantissa, ".")
	unsigned := strings.TrimPrefix(whole, "-")
	if !isDigits(unsigned) || hasPoint && !isDigits(fraction) {
		return decimal{}, fmt.Errorf("%q is no decimal number", text)
	}
	d := decimal{coefficient: new(big.Int), exponent: -int64(len(fraction)), scientific: scientific, fraction: hasPoint}
	d.coefficient.SetString(whole+fraction, 10)
	if scientific {
		shift, err := parseExponent(exponent)
		if err != nil {
			return decimal{}, fmt.Errorf("%q: %w", text, err)
		}
		d.exponent += shift
	}
	return d, nil
}

func parseExponent(text string) (int64, error) {
	unsigned := strings.TrimPrefix(strings.TrimPrefix(text, "+"), "-")
	if !isDigits(unsigned) || strings.HasPrefix(text, "+-") {
		return 0, fmt.Errorf("%q is no exponent", text)
	}
	unsigned = strings.TrimLeft(unsigned, "0")
	if len(unsigned) > exponentDigits {
		return 0, fmt.Errorf("the exponent has more than %d digits", exponentDigits)
	}
	n, _ := strconv.ParseInt("0"+unsigned, 10, 64)
	if text[0] == '-' {
		n = -n
	}
	return n, nil
}

func isDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// The form of a number that is 0.d₁d₂… × 10^e with d₁ ≠ 0 is its sign, then e, then its digits without trailing zeros: "2a154" for 5.4. Of a negative
// number everything behind the sign is turned round, and closed by what is greater than every digit, for -0.5 comes behind -0.51.
const (
	negative = '0'
	zero     = '1'
	positive = '2'

	closing = '~' // behind every other character of a form
	gap     = '!' // before every other character of a form
)

// append appends the form, whose bytes compare as the numbers do. Equal numbers (1, 1.0, 10e-1; 0, -0) have one. It is ASCII without spaces, some characters
// longer than the significant digits, whatever the exponent.
func (d decimal) append(dst []byte) []byte {
	if d.coefficient.Sign() == 0 {
		return append(dst, zero)
	}
	digits := new(big.Int).Abs(d.coefficient).String()
	e := d.exponent + int64(len(digits))
	digits = strings.TrimRight(digits, "0")
	if d.coefficient.Sign() > 0 {
		return append(appendExponent(append(dst, positive), e), digits...)
	}
	dst = appendExponent(append(dst, negative), -e)
	for i := range len(digits) {
		dst = append(dst, '0'+'9'-digits[i])
	}
	return append(dst, closing)
}

// appendExponent appends a letter for sign and number of digits, and the digits: those of negative ones turned round.
func appendExponent(dst []byte, e int64) []byte {
	if e >= 0 {
		digits := strconv.FormatInt(e, 10)
		return append(append(dst, 'a'-1+byte(len(digits))), digits...)
	}
	digits := strconv.FormatInt(-e, 10)
	dst = append(dst, 'Z'+1-byte(len(digits)))
	for i := range len(digits) {
		dst = append(dst, '0'+'9'-digits[i])
	}
	return dst
}

// at is the form of the number.
func (d decimal) at() string { return string(d.append(nil)) }

// above is the text next to the form of the number: behind it, and before the form of every greater number.
func (d decimal) above() string { return string(append(d.append(nil), gap)) }

// below is a text before the form of the number, and behind the form of every smaller one.
func (d decimal) below() string {
	form := d.append(nil)
	last := len(form) - 1
	if form[last] == closing {
		form[last]--
		return string(form)
	}
	form[last]-- // neither the last digit of a positive number is zero, nor zero the smallest sign
	return string(append(form, closing))
}

// tenths is the number as a coefficient of tenths of its last written place, for bounds near it. A number in scientific notation without a point
// counts as written with one more digit: R4 lets 1e2 mean 95 to 105 (https://hl7.org/fhir/R4/search.html#number).
func (d decimal) tenths() decimal {
	factor, places := big.NewInt(10), int64(1)
	if d.scientific && !d.fraction {
		factor, places = big.NewInt(100), 2
	}
	return decimal{coefficient: factor.Mul(factor, d.coefficient), exponent: d.exponent - places}
}

// plus is the number with something added to its coefficient.
func (d decimal) plus(n *big.Int) decimal {
	return decimal{coefficient: new(big.Int).Add(d.coefficient, n), exponent: d.exponent}
}

// rounded are the bounds of what is the same number at the precision that it is written with: 99.5 and 100.5 for 100. The second is not part of it.
func (d decimal) rounded() (low, high decimal) {
	t := d.tenths()
	return t.plus(big.NewInt(-5)), t.plus(big.NewInt(5))
}

// about are the bounds of what is approximately the number: a tenth of it on both sides, and what is the same number at its precision.
func (d decimal) about() (low, high decimal) {
	t := d.tenths()
	width := new(big.Int).Abs(t.coefficient)
	width.Quo(width, big.NewInt(10))
	if half := big.NewInt(5); width.Cmp(half) < 0 {
		width = half
	}
	return t.plus(new(big.Int).Neg(width)), t.plus(width)
}
