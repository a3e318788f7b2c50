package transfer

import "iter"

// inStep walks along two sequences that are in the order of compare, and does something with what belongs together. What is missing in one of them is zero there.
func inStep[T any](as, bs iter.Seq2[T, error], compare func(a, b T) int, do func(a, b T) error) error {
	nextA, stopA := iter.Pull2(as)
	defer stopA()
	nextB, stopB := iter.Pull2(bs)
	defer stopB()
	a, err, moreA := nextA()
	if err != nil {
		return err
	}
	b, err, moreB := nextB()
	for err == nil && (moreA || moreB) {
		var none T
		order := 0
		switch {
		case !moreB:
			order = -1
		case !moreA:
			order = 1
		default:
			order = compare(a, b)
		}
		left, right := a, b
		if order < 0 {
			right = none
		}
		if order > 0 {
			left = none
		}
		if err = do(left, right); err == nil && order <= 0 {
			a, err, moreA = nextA()
		}
		if err == nil && order >= 0 {
			b, err, moreB = nextB()
		}
	}
	return err
}
