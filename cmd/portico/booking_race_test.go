package main

import (
	"context"
	"math/rand/v2"
	"os/exec"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/portico-health/portico/storage/storagetest"
	"github.com/portico-health/portico/storage/storagetest/anystore"
)

// TestBookingRaceUnderKills lets 64 clients race for slots in every way that there is to book, move, cancel and delete, kills servers in the middle of it and starts them
// again at once. On a MongoDB two servers work on one database, and one of them is stopped for a while now and then, as a machine may be at any moment. Afterwards no
// slot was ever had by two, busy slots and live appointments agree, what was acknowledged is true, and all answers fit together.
func TestBookingRaceUnderKills(t *testing.T) {
	seed := storagetest.Seed(t)
	dir, lots := t.TempDir(), rand.New(rand.NewPCG(seed, bookers))
	r := &bookingRace{rota: newRota(soak(60, 1000), time.Now()), seed: seed, asked: make(map[string]string)}
	servers := []*process{serve(t, dir)}
	first := servers[0].client(t)
	address := []string{servers[0].Args[3]}
	as := func(cmd *exec.Cmd) { cmd.Args = append(cmd.Args, "--base-url", servers[0].url) }
	if anystore.IsMongo() {
		servers = append(servers, serveAs(t, dir, as))
		address = append(address, servers[1].Args[3])
	}
	for _, p := range servers {
		r.posts = append(r.posts, newPost(p.client(t)))
	}
	r.whole = slices.Contains(first.bundles(t), "transaction")
	for _, q := range r.rota.resources() {
		if a := first.must(t, q); a.status >= 300 {
			t.Fatal(a)
		}
	}
	restart := func(i int) {
		_ = servers[i].Wait()
		servers[i] = serveAt(t, dir, address[i], as)
		r.posts[i].become(servers[i].client(t))
	}
	usual := int64(soak(400, 800))
	if anystore.IsMongo() {
		usual = 150 // for it takes ten times as long
	}
	some := func() int64 { return usual/4 + lots.Int64N(usual) }
	before := first.ledger(t, r.rota)
	for round := range soak(1, 20) {
		since := len(r.attempts)
		ctx, end := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); r.run(ctx, round) }()
		for range 3 {
			r.await(t, some())
			i := lots.IntN(len(servers))
			if len(servers) > 1 && lots.IntN(2) == 0 {
				_ = servers[i].Process.Signal(syscall.SIGSTOP)
				r.await(t, lots.Int64N(bookers/4)) // there are not many more answers, for each client waits for it soon
				_ = servers[i].Process.Signal(syscall.SIGCONT)
				continue
			}
			_ = servers[i].Process.Kill()
			restart(i)
		}
		r.await(t, some())
		end()
		for _, p := range servers {
			_ = p.Process.Kill()
		}
		<-ended
		for i := range servers {
			restart(i)
		}
		before = r.check(t, first, before, since)
		if t.Failed() {
			t.Fatalf("this was round %d of seed %d", round, seed)
		}
	}
}

// await waits until the servers have given some more answers.
func (r *bookingRace) await(t *testing.T, more int64) {
	t.Helper()
	enough := r.answered.Load() + more
	for range 2400 {
		if r.answered.Load() >= enough {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("only %d of %d answers in two minutes", r.answered.Load(), enough)
}

// check holds everything that was answered against what is there, once the servers have finished what the kill left, and returns that.
func (r *bookingRace) check(t *testing.T, c *client, before *ledger, since int) *ledger {
	t.Helper()
	began := time.Now()
	r.recover(t, c)
	recovered := time.Now()
	after := c.ledger(t, r.rota)
	for _, faults := range [][]error{
		r.faults, after.doubleBookings(), after.loose(r.asked, time.Now().Add(-time.Minute)), after.dropped(), after.unkept(r.attempts), after.groundless(r.attempts[since:]),
	} {
		show(t, faults)
	}
	round{before: before, after: after, attempts: r.attempts[since:], looks: r.looks, end: time.Now(), whole: r.whole}.checkDays(t)
	t.Logf("%d attempts; recovered in %s, checked in %s", len(r.attempts)-since, recovered.Sub(began).Round(time.Millisecond), time.Since(recovered).Round(time.Millisecond))
	r.looks = nil
	return after
}

// show tells the first of some faults, and how many there are.
func show(t *testing.T, faults []error) {
	t.Helper()
	for _, fault := range faults[:min(5, len(faults))] {
		t.Error(fault)
	}
	if n := len(faults); n > 5 {
		t.Errorf("and %d more like these", n-5)
	}
}

// recover waits until nothing is loose any more: the servers finish what a crash left, and end holds.
func (r *bookingRace) recover(t *testing.T, c *client) {
	t.Helper()
	var loose []error
	for range 120 {
		now := c.present(t, r.rota)
		if loose = now.loose(r.asked, time.Now()); len(loose) == 0 {
			return
		}
		time.Sleep(250 * time.Millisecond)
	}
	t.Error("half a minute after the servers came back:")
	show(t, loose)
}
