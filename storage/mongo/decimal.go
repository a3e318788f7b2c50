package mongo

import (
	"encoding/binary"
	"math"
	"math/bits"
	"strconv"
	"strings"

	"github.com/portico-health/portico/fhir"
)

// decimal is a number as it was written: coefficient × 10^exponent, where zero has a sign, too. The coefficient has at most fhir.MaxDigits digits, the
// exponent those of Decimal128.
type decimal struct {
	negative  bool
	high, low uint64 // of the coefficient
	exponent  int
}

// The layout of Decimal128 (IEEE 754, binary encoding): a sign, fourteen bits of the exponent from its bias, 113 of the coefficient.
const (
	exponentBias     = 6176
	exponentShift    = 49
	exponentMask     = 1<<14 - 1
	signShift        = 63
	halfDigits       = 17 // of a coefficient: so many at once fit into an uint64
	half             = 1e17
	plainZeros       = 6 // numbers below 10^-6 are written with an exponent
	longestSmallForm = 3 // both leading bits set: a form that no coefficient of 34 digits needs
)

// decimalOf is a number that fhir.ParseJSON has read: it has that few digits.
func decimalOf(n fhir.Number) decimal {
	mantissa, power, _ := strings.Cut(strings.ToLower(string(n)), "e")
	var d decimal
	if power != "" {
		d.exponent, _ = strconv.Atoi(power)
	}
	fraction := false
	for _, c := range []byte(mantissa) {
		switch {
		case c == '-':
			d.negative = true
		case c == '.':
			fraction = true
		default:
			d.push(uint64(c - '0'))
			if fraction {
				d.exponent--
			}
		}
	}
	return d
}

// push puts a digit behind those of the coefficient.
func (d *decimal) push(digit uint64) {
	over, low := bits.Mul64(d.low, 10)
	low, carry := bits.Add64(low, digit, 0)
	d.high, d.low = 10*d.high+over+carry, low
}

// integer is the number as an int64, if it is one without fraction, exponent and a sign of zero.
func (d decimal) integer() (int64, bool) {
	switch {
	case d.exponent != 0 || d.high != 0:
		return 0, false
	case d.negative:
		return -int64(d.low), d.low > 0 && d.low <= 1<<63
	default:
		return int64(d.low), d.low <= math.MaxInt64
	}
}

// number writes an int32 or int64 where the number is one, else a Decimal128.
func (w *writer) number(name string, d decimal) {
	n, whole := d.integer()
	switch {
	case !whole:
		high := d.high | uint64(d.exponent+exponentBias)<<exponentShift
		if d.negative {
			high |= 1 << signShift
		}
		w.decimal128(name, high, d.low)
	case n == int64(int32(n)):
		w.int32(name, int32(n))
	default:
		w.int64(name, n)
	}
}

// decimalIn is the number in the value of a Decimal128. Infinities, what is no number, and coefficients of more than 34 digits are none of ours.
func decimalIn(value []byte) (decimal, bool) {
	low, high := binary.LittleEndian.Uint64(value), binary.LittleEndian.Uint64(value[8:])
	d := decimal{negative: high>>signShift != 0, low: low, high: high & (1<<exponentShift - 1), exponent: int(high>>exponentShift&exponentMask) - exponentBias}
	tooLong := d.high > maxHigh || d.high == maxHigh && d.low > maxLow
	return d, high>>61&longestSmallForm != longestSmallForm && !tooLong
}

// The largest coefficient: 34 nines.
const (
	maxHigh = 0x0001_ed09_bead_87c0
	maxLow  = 0x378d_8e63_ffff_ffff
)

// append appends the number as JSON, in the one spelling that its digits and exponent have here, which is that of Decimal128 itself (General Decimal
// Arithmetic, to-scientific-string) but for a small "e" without a plus sign: "1.10", "0.000001", "1e-7", "1.2e3".
func (d decimal) append(dst []byte) []byte {
	if d.negative {
		dst = append(dst, '-')
	}
	var buffer [fhir.MaxDigits]byte
	digits := d.digits(buffer[:0])
	point := len(digits) + d.exponent // digits before the decimal point
	switch {
	case d.exponent > 0 || point <= -plainZeros:
		dst = append(dst, digits[0])
		if len(digits) > 1 {
			dst = append(append(dst, '.'), digits[1:]...)
		}
		return strconv.AppendInt(append(dst, 'e'), int64(point-1), 10)
	case d.exponent == 0:
		return append(dst, digits...)
	case point > 0:
		return append(append(append(dst, digits[:point]...), '.'), digits[point:]...)
	default:
		dst = append(dst, "0.00000"[:2-point]...)
		return append(dst, digits...)
	}
}

// digits appends those of the coefficient, "0" for zero.
func (d decimal) digits(dst []byte) []byte {
	upper, lower := bits.Div64(d.high, d.low, half)
	if upper == 0 {
		return strconv.AppendUint(dst, lower, 10)
	}
	dst = strconv.AppendUint(dst, upper, 10)
	began := len(dst)
	dst = append(dst, "00000000000000000"...)
	for i := began + halfDigits - 1; lower > 0; i-- {
		dst[i] = '0' + byte(lower%10)
		lower /= 10
	}
	return dst
}
