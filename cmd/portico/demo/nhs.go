package demo

import "fmt"

const (
	nhsRange  = 1_000_000 // numbers between 999 000 000x and 999 999 999x
	nhsStride = 618_033   // has no divisor in common with nhsRange, so that a walk meets each number once
)

// nhsNumbers deals NHS numbers of the range 999, which is never issued to anybody. It does not deal one twice, within the
// first MaxPatients.
type nhsNumbers struct{ at int }

func newNHSNumbers(seed int64) *nhsNumbers {
	return &nhsNumbers{newDice(seed, "nhs-number", 0).below(nhsRange)}
}

func (n *nhsNumbers) next() string {
	for {
		n.at = (n.at + nhsStride) % nhsRange
		if number, ok := nhsNumber(999_000_000 + n.at); ok {
			return number
		}
	}
}

// nhsNumber adds the check digit to nine digits: the weighted sum of all ten is a multiple of eleven
// (https://www.datadictionary.nhs.uk/attributes/nhs_number.html). One in eleven has none, for it would be ten.
func nhsNumber(nine int) (string, bool) {
	sum := 0
	for rest, weight := nine, 2; weight <= 10; rest, weight = rest/10, weight+1 {
		sum += rest % 10 * weight
	}
	check := (11 - sum%11) % 11
	return fmt.Sprintf("%09d%d", nine, check), check < 10
}
