package mongo

import "time"

// sightings remember since when something has stood as it is, by this process's own monotonic clock: the clocks of two machines are never
// compared. What has stood for longer than anybody may take to go on with it was left behind by a process that died. The zero sightings are
// ready; they are not safe for use by several goroutines at once.
type sightings[S comparable] struct {
	seen map[string]sighting[S]
}

type sighting[S comparable] struct {
	state S
	since time.Time
}

// unchanged is how long something is known to have been in this state.
func (s *sightings[S]) unchanged(name string, state S) time.Duration {
	before, known := s.seen[name]
	if known && before.state == state {
		return time.Since(before.since)
	}
	if s.seen == nil {
		s.seen = make(map[string]sighting[S])
	}
	s.seen[name] = sighting[S]{state, time.Now()}
	return 0
}

// keep forgets what is not to be kept.
func (s *sightings[S]) keep(is func(name string) bool) {
	for name := range s.seen {
		if !is(name) {
			delete(s.seen, name)
		}
	}
}
