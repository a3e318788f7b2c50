package search_test

import (
	"math/big"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/portico-health/portico/fhir/search"
)

func form(t testing.TB, text string) string {
	t.Helper()
	made, err := search.DecimalForm(text)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// TestDecimalOrder: the forms of numbers that grow grow, and equal numbers have one form.
func TestDecimalOrder(t *testing.T) {
	before, last := "", ""
	for _, equal := range [][]string{
		{"-1e99999999999999999"}, {"-1e6111"}, {"-100.5"}, {"-100", "-1e2", "-1.0E+2"}, {"-99.999"}, {"-10"}, {"-9"}, {"-0.51"}, {"-0.5", "-0.50"}, {"-0.05"},
		{"-1e-10"}, {"-1e-6176"}, {"0", "-0", "0.0", "0e5", "-0E-99999999999999999"}, {"1e-99999999999999999"}, {"1e-6176"}, {"1e-100"}, {"1e-99"}, {"1e-10"}, {"1e-9"},
		{"0.05"}, {"0.5", "00.5", "5e-1", "0.5000"}, {"0.51"}, {"1", "1.0", "1e0", "10e-1"}, {"1.0000000000000000000000000000000001"}, {"9"}, {"10"}, {"99.999"}, {"100"}, {"1e9"}, {"1e10"},
		{"9999999999999999999999999999999999"}, {"1e99"}, {"1e100"}, {"1e6111"}, {"1e99999999999999999"},
	} {
		for _, text := range equal {
			got := form(t, text)
			if got != form(t, equal[0]) {
				t.Errorf("%s has the form %q, and %s %q", text, got, equal[0], form(t, equal[0]))
			}
			if got <= before {
				t.Errorf("%s has the form %q, which does not come behind %q of %s", text, got, before, last)
			}
		}
		before, last = form(t, equal[0]), equal[0]
	}
}

// numberOf reads a form.
func numberOf(form string) string {
	if form == "1" {
		return "0"
	}
	turned := strings.NewReplacer("0", "9", "1", "8", "2", "7", "3", "6", "4", "5", "5", "4", "6", "3", "7", "2", "8", "1", "9", "0")
	letter, rest := form[1], form[2:]
	sign, exponent := "", ""
	var digits int
	if letter >= 'a' {
		digits = int(letter-'a') + 1
		exponent = rest[:digits]
	} else {
		digits = int('Z'-letter) + 1
		exponent = "-" + turned.Replace(rest[:digits])
	}
	rest = rest[digits:]
	if form[0] == '0' {
		sign, rest = "-", turned.Replace(strings.TrimSuffix(rest, "~"))
		exponent = strings.TrimPrefix("-"+exponent, "--")
	}
	return sign + "0." + rest + "e" + exponent
}

func TestNumberOfAForm(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := decimals.Draw(t, "number")
		made, err := search.DecimalForm(text)
		if err != nil {
			t.Fatal(err)
		}
		x, _ := new(big.Rat).SetString(text)
		if y, ok := new(big.Rat).SetString(numberOf(made)); !ok || x.Cmp(y) != 0 {
			t.Fatalf("%s has the form %q, which is read as %s", text, made, numberOf(made))
		}
	})
}

func TestDecimalRefusals(t *testing.T) {
	for _, text := range []string{"", "-", "+1", ".5", "5.", "1e", "1e+", "1e+-1", "1e--1", "--1", "1.2.3", "1e2e3", "1e2.5", "0x10", "1_000", " 1", "1 ", "NaN", "Infinity", "١", "1e100000000000000000"} {
		if made, err := search.DecimalForm(text); err == nil {
			t.Errorf("%q has the form %q, %v", text, made, err)
		}
	}
}

// decimals draws numbers as they may be written: with at most 34 digits.
var decimals = rapid.Custom(func(t *rapid.T) string {
	s := rapid.SampledFrom([]string{"", "-"}).Draw(t, "sign") + rapid.StringMatching(`[0-9]{1,4}|0|[0-9]{1,28}`).Draw(t, "whole")
	s += rapid.SampledFrom([]string{"", rapid.StringMatching(`\.[0-9]{1,6}`).Draw(t, "fraction")}).Draw(t, "with fraction")
	return s + rapid.SampledFrom([]string{"", rapid.StringMatching(`[eE][-+]?[0-9]{1,3}`).Draw(t, "exponent")}).Draw(t, "with exponent")
})

// TestDecimalComparesAsNumbers: bytes compare as math/big says that the numbers do, and are ASCII of about the length of the digits.
func TestDecimalComparesAsNumbers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := decimals.Draw(t, "a"), decimals.Draw(t, "b")
		formA, errA := search.DecimalForm(a)
		formB, errB := search.DecimalForm(b)
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		x, _ := new(big.Rat).SetString(a)
		y, _ := new(big.Rat).SetString(b)
		if got := strings.Compare(formA, formB); got != x.Cmp(y) {
			t.Fatalf("%q and %q compare as %d, the numbers %s and %s as %d", formA, formB, got, a, b, x.Cmp(y))
		}
		if len(formA) > len(a)+8 || strings.Trim(formA, "0123456789abcdefghijklmnopqrsHIJKLMNOPQRSTUVWXYZ~") != "" {
			t.Fatalf("%s has the form %q", a, formA)
		}
	})
}

// FuzzDecimal: whatever the text is, it is refused or has a form that behaves like its number with an end put to it.
func FuzzDecimal(f *testing.F) {
	for _, seed := range []string{"0", "-1.50e-3", "1e99999999999999999", "1e999999999999999999999999", "00012", "9.99", "-0"} {
		f.Add(seed, "1")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		formA, errA := search.DecimalForm(a)
		formB, errB := search.DecimalForm(b)
		if errA != nil || errB != nil {
			return
		}
		if len(formA) > len(a)+30 || !utf8.ValidString(formA) || formA[0] < '0' || formA[0] > '2' {
			t.Errorf("%q has the form %q", a, formA)
		}
		if len(a)+len(b) > 60 || strings.ContainsAny(a+b, "eE") {
			return // math/big would write all the zeros of an exponent
		}
		x, _ := new(big.Rat).SetString(a)
		y, _ := new(big.Rat).SetString(b)
		if got := strings.Compare(formA, formB); got != x.Cmp(y) {
			t.Errorf("%q and %q compare as %d", a, b, got)
		}
	})
}
