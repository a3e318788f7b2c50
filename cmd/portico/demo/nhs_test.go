package demo

import "testing"

func TestNHSNumbersAreUniqueUpToTheMost(t *testing.T) {
	n := newNHSNumbers(1)
	seen := make(map[string]bool, MaxPatients)
	for range MaxPatients {
		number := n.next()
		if len(number) != 10 || number[:3] != "999" || seen[number] {
			t.Fatalf("%s is not of the range, or comes twice", number)
		}
		seen[number] = true
	}
}

func TestNHSNumber(t *testing.T) {
	tests := []struct {
		nine int
		want string // "" where the check digit would be ten
	}{
		{999000000, ""}, {999000001, "9990000018"}, {999000005, "9990000050"}, {999000011, "9990000115"}, {999123456, ""}, {999123457, "9991234578"},
	}
	for _, test := range tests {
		if got, ok := nhsNumber(test.nine); ok != (test.want != "") || (ok && got != test.want) {
			t.Errorf("nhsNumber(%d) = %s, %t; want %q", test.nine, got, ok, test.want)
		}
	}
}

func TestFullestDiaryIsARound(t *testing.T) {
	if got, want := len(courseRound), patientsPerDiary*appointmentsPerFive/5; got != want {
		t.Errorf("a round is of %d bookings, the fullest diary of %d", got, want)
	}
}
