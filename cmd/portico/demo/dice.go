package demo

import (
	"hash/fnv"
	"math/bits"
)

// dice is a source of chance: SplitMix64 (Steele, Lea, Flood 2014). It is written out here, for the bytes of the data must
// not depend on a library's choice of algorithm.
type dice struct{ state uint64 }

// newDice makes the dice of one thing, such as patient 7. It does not depend on how often the dice of
// other things were thrown, so that patient 7 stays the same however many patients there are.
func newDice(seed int64, thing string, number int) *dice {
	h := fnv.New64a()
	_, _ = h.Write([]byte(thing)) // a hash never fails
	d := dice{uint64(seed) ^ bits.RotateLeft64(h.Sum64(), 17)}
	d.state = d.next() + uint64(number)
	return &d
}

func (d *dice) next() uint64 {
	d.state += 0x9E3779B97F4A7C15
	z := d.state
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return z ^ z>>31
}

// below is one of 0 to n-1.
func (d *dice) below(n int) int {
	high, _ := bits.Mul64(d.next(), uint64(n))
	return int(high)
}

// between is one of low to high.
func (d *dice) between(low, high int) int { return low + d.below(high-low+1) }

// oneIn is true once in n throws.
func (d *dice) oneIn(n int) bool { return d.below(n) == 0 }

func (d *dice) shuffle(list []int) {
	for i := len(list) - 1; i > 0; i-- {
		j := d.below(i + 1)
		list[i], list[j] = list[j], list[i]
	}
}

func pick[T any](d *dice, list []T) T { return list[d.below(len(list))] }
