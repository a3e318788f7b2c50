package storagetest

import "testing"

// What the law takes for the same number must be the same.
func TestRespell(t *testing.T) {
	for number, want := range map[string]string{
		"0": "0e0", "-0": "-0e0", "0.00": "0e-2", "0e3": "0e3", "1": "1e0", "10": "10e0", "1e1": "1e1", "1E+1": "1e1", "1.50": "150e-2", "15e-1": "15e-1", "-0.0120e+3": "-120e-1",
	} {
		if got := respell(number); got != want {
			t.Errorf("%s: %s, want %s", number, got, want)
		}
	}
	x := &house{T: t, h: Harness{Respells: true}}
	if got, want := x.spelt([]byte(`{"1.0":["\"2.0",3.0,-4E1],"x\\":5}`)), `{"1.0":["\"2.0",30e-1,-4e1],"x\\":5e0}`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
