package sqlite

import "math"

// room is what a page can still take.
type room struct {
	rows  int
	bytes int  // of bodies
	begun bool // the page has a row; the first one comes however large it is
}

// unlimited are the bytes of what is no page.
const unlimited = math.MaxInt

// takes says whether there is room for a body.
func (r room) takes(body []byte) bool {
	return r.rows > 0 && (len(body) <= r.bytes || !r.begun)
}

// less is the room behind a body that was taken.
func (r room) less(body []byte) room {
	return room{rows: r.rows - 1, bytes: r.bytes - len(body), begun: true}
}

// take says how many of the first matches there is room for, and what room they leave.
func (r room) take(all []match) (fit int, left room) {
	for i, m := range all {
		if !r.takes(m.version.Body) {
			return i, r
		}
		r = r.less(m.version.Body)
	}
	return len(all), r
}
