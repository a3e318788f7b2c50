package access

import (
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var limitBegin = time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)

// TestLimiterKeepsTheWindow whatever is asked for and when: what is refused had used up the limit within the last window, and what is let through had
// not within 63/64 of it.
func TestLimiterKeepsTheWindow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 40).Draw(t, "n")
		per := time.Duration(rapid.Int64Range(int64(time.Microsecond), int64(2*time.Minute)).Draw(t, "per"))
		l := newLimiter(n, per)
		names := []string{"a", "b", "c"}
		through := map[string][]time.Time{}
		now := limitBegin
		gaps := rapid.SliceOfN(rapid.Int64Range(0, int64(per)/int64(n)*3+2), 100, 400).Draw(t, "gaps")
		for i, gap := range gaps {
			if gap%7 > 2 { // much of it at once
				gap = 0
			}
			now = now.Add(time.Duration(gap))
			name := names[(i*i+int(gap))%len(names)]
			past := through[name]
			within := func(window time.Duration) (count int) {
				for _, at := range past {
					if now.Sub(at) < window {
						count++
					}
				}
				return count
			}
			a := l.take(name, now)
			switch {
			case a.ok && within(63*l.slot) >= n:
				t.Fatalf("request %d of %s was let through as number %d of a window, limit %d", i, name, within(63*l.slot)+1, n)
			case !a.ok && within(per) < n:
				t.Fatalf("request %d of %s was refused as number %d of a window, limit %d", i, name, within(per)+1, n)
			case !a.ok && (a.retry <= 0 || a.retry > per || a.left != 0):
				t.Fatalf("refused with %+v", a)
			case a.reset <= 0 || a.reset > per:
				t.Fatalf("the limit is there again after %v", a.reset)
			}
			if a.ok {
				through[name] = append(past, now)
			}
		}
	})
}

// TestLimiterHoldsTheRate: whoever asks for more all the time is given the rate, within 5 %.
func TestLimiterHoldsTheRate(t *testing.T) {
	for _, c := range []struct {
		n     int
		per   time.Duration
		every time.Duration // how often it is asked
		burst int           // how many at once
		obey  bool          // wait as long as Retry-After says, in whole seconds
	}{
		{n: 250, per: time.Second, every: time.Millisecond, burst: 1},
		{n: 250, per: time.Second, every: time.Second / 251, burst: 1},
		{n: 250, per: time.Second, every: time.Second / 240, burst: 1},
		{n: 250, per: time.Second, every: 370 * time.Microsecond, burst: 1},
		{n: 250, per: time.Second, every: 100 * time.Millisecond, burst: 1000},
		{n: 250, per: time.Second, every: 200 * time.Microsecond, burst: 1, obey: true},
		{n: 100, per: time.Minute, every: time.Second / 3, burst: 1},
		{n: 100, per: time.Minute, every: time.Second, burst: 30},
		{n: 100, per: time.Minute, every: 10 * time.Millisecond, burst: 1, obey: true},
		{n: 7, per: time.Second, every: time.Millisecond, burst: 1},
		{n: 1, per: time.Second, every: time.Millisecond, burst: 1},
		{n: 10_000, per: time.Second, every: time.Millisecond, burst: 12},
	} {
		t.Run(fmt.Sprintf("%d in %v, %d every %v, obey %v", c.n, c.per, c.burst, c.every, c.obey), func(t *testing.T) {
			l := newLimiter(c.n, c.per)
			length := 60 * c.per
			asked, through, wait := 0, 0, time.Duration(0)
			for at := time.Duration(0); at < length; at += c.every {
				asked += c.burst
				if at < wait {
					continue
				}
				for range c.burst {
					a := l.take("client", limitBegin.Add(at))
					if a.ok {
						through++
					} else if c.obey {
						seconds, _ := strconv.Atoi(wholeSeconds(a.retry))
						wait = at + time.Duration(seconds)*time.Second
					}
				}
			}
			want := min(float64(c.n)*float64(length/c.per), float64(asked))
			if got := float64(through); got < 0.95*want || got > 1.05*want {
				t.Errorf("%d were let through of %d, want %.0f within 5 %%", through, asked, want)
			}
		})
	}
}

// TestLimiterTells the exact headers of draft-ietf-httpapi-ratelimit-headers-11.
func TestLimiterTells(t *testing.T) {
	l := newLimiter(2, time.Minute)
	for _, step := range []struct {
		after time.Duration
		want  http.Header
	}{
		{0, http.Header{"Ratelimit-Policy": {`"requests";q=2;w=60`}, "Ratelimit": {`"requests";r=1;t=60`}}},
		{30 * time.Second, http.Header{"Ratelimit-Policy": {`"requests";q=2;w=60`}, "Ratelimit": {`"requests";r=0;t=60`}}},
		{35 * time.Second, http.Header{"Ratelimit-Policy": {`"requests";q=2;w=60`}, "Ratelimit": {`"requests";r=0;t=55`}, "Retry-After": {"25"}}},
		{59*time.Second + 500*time.Millisecond, http.Header{"Ratelimit-Policy": {`"requests";q=2;w=60`}, "Ratelimit": {`"requests";r=0;t=31`}, "Retry-After": {"1"}}},
		{60 * time.Second, http.Header{"Ratelimit-Policy": {`"requests";q=2;w=60`}, "Ratelimit": {`"requests";r=0;t=60`}}},
		{time.Hour, http.Header{"Ratelimit-Policy": {`"requests";q=2;w=60`}, "Ratelimit": {`"requests";r=1;t=60`}}},
	} {
		got := http.Header{}
		l.take("client", limitBegin.Add(step.after)).tell(got)
		if diff := cmp.Diff(step.want, got); diff != "" {
			t.Errorf("after %v (-want +got):\n%s", step.after, diff)
		}
	}
	got := http.Header{}
	for range 1000 {
		a := newLimiter(0, time.Second).take("client", limitBegin)
		a.tell(got)
		if !a.ok || len(got) > 0 {
			t.Fatalf("without a limit: %+v, %v", a, got)
		}
	}
}

// TestLimiterBearsClocks that are set back: by less than a window nothing is gained or lost, and by more the counting begins anew.
func TestLimiterBearsClocks(t *testing.T) {
	l := newLimiter(3, time.Second)
	at := func(d time.Duration) bool { return l.take("client", limitBegin.Add(d)).ok }
	got := []bool{at(time.Hour), at(time.Hour - 900*time.Millisecond), at(time.Hour), at(time.Hour - time.Millisecond), at(time.Minute), at(time.Minute), at(-time.Hour)}
	if diff := cmp.Diff([]bool{true, true, true, false, true, true, true}, got); diff != "" {
		t.Error(diff)
	}
}

// TestLimiterForgetsNames that ask for nothing any more, and never remembers more than it has room for, but those that it knows it holds.
func TestLimiterForgetsNames(t *testing.T) {
	l := newLimiter(1, time.Second)
	known := func() (sum int) {
		for i := range l.shards {
			sum += len(l.shards[i].names)
		}
		return sum
	}
	now := limitBegin
	for i := range 3 * limiterNames {
		l.take("flood "+strconv.Itoa(i), now)
	}
	if n := known(); n > limiterNames || n < limiterNames/4 {
		t.Errorf("in a flood %d names are remembered, room is for %d", n, limiterNames)
	}
	now = now.Add(2 * time.Second)
	for i := range 100 * limiterShards {
		name := "client " + strconv.Itoa(i)
		if !l.take(name, now).ok || l.take(name, now).ok {
			t.Fatalf("%s is not held to its limit", name)
		}
		now = now.Add(5 * time.Millisecond)
	}
	if n := known(); n > 10*limiterShards+200 {
		t.Errorf("%d names are remembered, most of them for nothing", n)
	}
}

// TestLimiterOfManyAtOnce: requests at once, from clients that know nothing of one another, get what there is and no more.
func TestLimiterOfManyAtOnce(t *testing.T) {
	l := newLimiter(100, time.Second)
	var wg sync.WaitGroup
	var mu sync.Mutex
	through := map[string]int{}
	for worker := range 16 {
		wg.Go(func() {
			for i := range 1000 {
				name := "client " + strconv.Itoa((worker+i)%5)
				if l.take(name, limitBegin.Add(time.Duration(i)*time.Microsecond)).ok {
					mu.Lock()
					through[name]++
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	for name, n := range through {
		if n != 100 {
			t.Errorf("%s was let through %d times, limit 100", name, n)
		}
	}
	if len(through) != 5 {
		t.Errorf("%d of 5 clients were let through", len(through))
	}
}

func TestTakingAllocatesNothing(t *testing.T) {
	l := newLimiter(250, time.Second)
	l.take("client", limitBegin)
	if n := testing.AllocsPerRun(1000, func() { l.take("client", limitBegin) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkLimiter(b *testing.B) {
	names := make([]string, 1000)
	for i := range names {
		names[i] = "live_0123456789abcdefghi" + strconv.Itoa(i)
	}
	for _, demand := range []struct {
		name string
		step time.Duration // between requests of all clients
	}{{"below the limit", 10 * time.Microsecond}, {"above the limit", time.Microsecond}} {
		b.Run(demand.name, func(b *testing.B) {
			l := newLimiter(250, time.Second)
			b.ReportAllocs()
			now := limitBegin
			for i := 0; b.Loop(); i++ {
				now = now.Add(demand.step)
				l.take(names[i%len(names)], now)
			}
		})
	}
	b.Run("told", func(b *testing.B) {
		l := newLimiter(250, time.Second)
		h := http.Header{}
		b.ReportAllocs()
		for b.Loop() {
			l.take("client", time.Now()).tell(h)
		}
	})
}
