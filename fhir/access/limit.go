package access

import (
	"hash/maphash"
	"net/http"
	"strconv"
	"sync"
	"time"
)

const (
	limiterShards = 32
	limiterNames  = 1 << 15 // that are remembered at most, in all shards: about 13 MB
	limiterSlots  = 64      // of a window
)

// limiter holds a rate for many names: of each, n requests are let through in a window that ends now, all at once if they come so. It counts in
// slots of 1/64 of the window, and a slot until the window has left where it began: nobody is refused who keeps to n in any window, and who asks for more
// all the time is let through n in 63/64 of a window, 1.6 % above the rate, at most.
//
// A bucket that fills steadily (GCRA) would need less memory, but either lets twice the rate through in the first window, or is so small that clients
// that obey Retry-After, which has whole seconds, never come near the rate.
type limiter struct {
	limit  int // 0: none
	per    time.Duration
	slot   time.Duration
	policy []string // RateLimit-Policy
	seed   maphash.Seed
	shards [limiterShards]limiterShard
}

// limiterShard has the names with a part of the hashes.
type limiterShard struct {
	mu    sync.Mutex
	names map[string]*usage
	swept time.Time // when those were forgotten last that ask for nothing any more
}

// usage is what a name was let through, lately.
type usage struct {
	start  time.Time // of slot 0
	last   int64     // the slot under way when it was asked for last
	newest int64     // the slot in which something was let through last
	sum    int
	slots  [limiterSlots]uint32 // what was let through in slot i, at i modulo limiterSlots
}

// newLimiter makes a limiter of n requests in each window; 0: there is no limit.
func newLimiter(n int, per time.Duration) *limiter {
	l := &limiter{
		limit: n, per: per, slot: max(1, per/limiterSlots), seed: maphash.MakeSeed(),
		policy: []string{`"requests";q=` + strconv.Itoa(n) + ";w=" + wholeSeconds(per)},
	}
	for i := range l.shards {
		l.shards[i].names = map[string]*usage{}
	}
	return l
}

// take asks for one request. Now is the caller's clock; requests that overtake one another by less than a window are no harm.
func (l *limiter) take(name string, now time.Time) allowance {
	if l.limit <= 0 {
		return allowance{ok: true}
	}
	shard := &l.shards[maphash.String(l.seed, name)%limiterShards]
	shard.mu.Lock()
	defer shard.mu.Unlock()
	u := shard.names[name]
	if u == nil {
		u = l.remember(shard, name, now)
	}
	return l.count(u, now, true)
}

// peek says what take would, and takes nothing.
func (l *limiter) peek(name string, now time.Time) allowance {
	if l.limit <= 0 {
		return allowance{ok: true}
	}
	shard := &l.shards[maphash.String(l.seed, name)%limiterShards]
	shard.mu.Lock()
	defer shard.mu.Unlock()
	u := shard.names[name]
	if u == nil {
		return allowance{ok: true, limit: l.limit, left: l.limit, policy: l.policy}
	}
	return l.count(u, now, false)
}

// remember begins to count a name, and forgets others where there are many.
func (l *limiter) remember(shard *limiterShard, name string, now time.Time) *usage {
	if now.Sub(shard.swept).Abs() >= l.per || len(shard.names) >= limiterNames/limiterShards {
		shard.forget(now, l.slot)
	}
	u := &usage{start: now}
	shard.names[name] = u
	return u
}

// forget makes room, half of it at least: names that ask for nothing any more go, and where these are too few, any others, for whoever has so many
// names is not held by counting them.
func (s *limiterShard) forget(now time.Time, slot time.Duration) {
	for name, u := range s.names {
		if u.isIdle(now, slot) {
			delete(s.names, name)
		}
	}
	for name := range s.names {
		if len(s.names) <= limiterNames/limiterShards/2 {
			break
		}
		delete(s.names, name)
	}
	s.swept = now
}

// isIdle says whether it makes no difference to forget what was let through.
func (u *usage) isIdle(now time.Time, slot time.Duration) bool {
	return int64(now.Sub(u.start)/slot) >= u.newest+limiterSlots
}

// count says whether there is room for a request in the window that ends now, and takes that room.
func (l *limiter) count(u *usage, now time.Time, take bool) allowance {
	since := now.Sub(u.start)
	current := int64(since / l.slot)
	if current >= u.last+limiterSlots || current <= u.last-limiterSlots { // nothing was asked for a window, or the clock was set back
		*u = usage{start: now}
		since, current = 0, 0
	}
	for u.last < current {
		u.last++
		oldest := &u.slots[u.last%limiterSlots]
		u.sum -= int(*oldest)
		*oldest = 0
	}
	a := allowance{limit: l.limit, policy: l.policy}
	a.ok = u.sum < l.limit
	if a.ok && take {
		u.slots[u.last%limiterSlots]++
		u.sum++
		u.newest = u.last
	}
	a.left = l.limit - u.sum
	if !a.ok {
		a.retry = min(l.ends(u.oldest())-since, l.per)
	}
	a.reset = min(l.ends(u.newest)-since, l.per)
	return a
}

// ends is when a slot does not count any more, from the start.
func (l *limiter) ends(slot int64) time.Duration { return time.Duration(slot+limiterSlots) * l.slot }

// oldest is the slot that has counted longest. There is one.
func (u *usage) oldest() int64 {
	slot := max(0, u.last-limiterSlots+1)
	for u.slots[slot%limiterSlots] == 0 {
		slot++
	}
	return slot
}

// allowance is the answer to who asks for a request.
type allowance struct {
	ok     bool
	limit  int           // of a window; 0: there is none
	left   int           // what may be asked for at once
	reset  time.Duration // until the whole limit is there again, if nothing is asked for
	retry  time.Duration // until it is worth to ask again, where this one was refused
	policy []string
}

// The headers of limits, in the form that http.Header keeps them.
const (
	headerPolicy     = "Ratelimit-Policy"
	headerLimit      = "Ratelimit"
	headerRetryAfter = "Retry-After"
)

// tell sets the headers of the answer: RateLimit-Policy and RateLimit (https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-ratelimit-headers-11)
// and, where the request was refused, Retry-After in whole seconds (RFC 9110, 10.2.3).
func (a allowance) tell(h http.Header) {
	if a.limit == 0 {
		return
	}
	h[headerPolicy] = a.policy
	h[headerLimit] = []string{`"requests";r=` + strconv.Itoa(a.left) + ";t=" + wholeSeconds(a.reset)}
	if !a.ok {
		h[headerRetryAfter] = []string{wholeSeconds(a.retry)}
	}
}

// wholeSeconds writes a time as seconds, rounded up and 1 at least.
func wholeSeconds(d time.Duration) string {
	return strconv.FormatInt(int64(max(1, (d+time.Second-1)/time.Second)), 10)
}
