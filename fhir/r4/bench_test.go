package r4_test

import (
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"

	"github.com/portico-health/portico/fhir/r4"
)

// BenchmarkChild is one step of a validator.
func BenchmarkChild(b *testing.B) {
	root := r4.Lookup("Observation").Root
	for b.Loop() {
		root.Child("valueQuantity")
	}
}

// BenchmarkDescend is the step into a data type.
func BenchmarkDescend(b *testing.B) {
	e, typ := r4.Lookup("Patient").Root.Child("name")
	for b.Loop() {
		e.Descend(typ)
	}
}

// coldVariable makes TestColdLookup the body of a process of its own, where nothing has been decoded yet.
const coldVariable = "PORTICO_R4_COLD"

// BenchmarkColdLookup starts a process for each round, which decodes the served types and all that they use, and
// logs the time and the heap that the process itself has measured.
func BenchmarkColdLookup(b *testing.B) {
	for b.Loop() {
		cmd := exec.CommandContext(b.Context(), os.Args[0], "-test.run=^TestColdLookup$", "-test.v")
		cmd.Env = append(os.Environ(), coldVariable+"=1")
		out, err := cmd.CombinedOutput()
		if err != nil {
			b.Fatalf("%v\n%s", err, out)
		}
		b.Logf("%s", out)
	}
}

func TestColdLookup(t *testing.T) {
	if os.Getenv(coldVariable) == "" {
		t.Skip("measures a fresh process: run BenchmarkColdLookup, which sets " + coldVariable)
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	start := time.Now()
	r4.Lookup("Patient")
	one := time.Since(start)
	types := map[string]*r4.Type{}
	for _, name := range served {
		lookupAll(types, name)
	}
	all := time.Since(start)
	runtime.GC()
	runtime.ReadMemStats(&after)
	t.Logf("Patient alone %v; %d types %v; heap %d KB", one, len(types), all, (after.HeapAlloc-before.HeapAlloc)>>10)
	runtime.KeepAlive(types)
}

// lookupAll looks up a type and all types that its elements have, inline ones too.
func lookupAll(types map[string]*r4.Type, name string) {
	if types[name] != nil {
		return
	}
	types[name] = r4.Lookup(name)
	lookupElements(types, types[name].Root.Children)
}

func lookupElements(types map[string]*r4.Type, children []*r4.Element) {
	for _, c := range children {
		for _, ref := range c.Types {
			lookupAll(types, ref.Code)
		}
		lookupElements(types, c.Children)
	}
}
