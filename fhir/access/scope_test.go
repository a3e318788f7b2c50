package access_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/access"
)

func TestParseScopes(t *testing.T) {
	const rs, cud, all = fhir.MayRead | fhir.MaySearch, fhir.MayCreate | fhir.MayUpdate | fhir.MayDelete, fhir.MayEverything
	for _, s := range []struct {
		scopes  string
		given   fhir.Scopes
		admin   bool
		written string
	}{
		{"", nil, false, ""},
		{"system/*.cruds", fhir.Scopes{"*": all}, false, "system/*.cruds"},
		{"system/*.*", fhir.Scopes{"*": all}, false, "system/*.cruds"},
		{"system/*.read", fhir.Scopes{"*": rs}, false, "system/*.rs"},
		{"system/Patient.write", fhir.Scopes{"Patient": cud}, false, "system/Patient.cud"},
		{"system/Patient.rs", fhir.Scopes{"Patient": rs}, false, "system/Patient.rs"},
		{"system/Slot.s system/Slot.c", fhir.Scopes{"Slot": fhir.MaySearch | fhir.MayCreate}, false, "system/Slot.cs"},
		{"system/*.rs system/Slot.crs system/Patient.r", fhir.Scopes{"*": rs, "Slot": rs | fhir.MayCreate, "Patient": fhir.MayRead}, false, "system/*.rs system/Slot.c"},
		{"portico/admin", nil, true, "portico/admin"},
		{"portico/admin system/Task.u", fhir.Scopes{"Task": fhir.MayUpdate}, true, "system/Task.u portico/admin"},
	} {
		t.Run(s.scopes, func(t *testing.T) {
			given, admin, err := access.ParseScopes(strings.Fields(s.scopes))
			if err != nil || admin != s.admin {
				t.Fatal(admin, err)
			}
			if d := cmp.Diff(s.given, given); d != "" {
				t.Error(d)
			}
			if got := strings.Join(access.WriteScopes(given, admin), " "); got != s.written {
				t.Errorf("written as %q, not %q", got, s.written)
			}
		})
	}
}

func TestScopesThatCannotBeGiven(t *testing.T) {
	for scope, says := range map[string]string{
		"":                           "is none",
		"system":                     "is none",
		"system/":                    "is none",
		"system/Patient":             "is none",
		"system/Patient.":            "is none",
		"System/Patient.r":           "is none",
		"Patient.read":               "is none",
		"portico/admins":             "is none",
		"user/Patient.rs":            "act for themselves",
		"patient/*.read":             "act for themselves",
		"launch":                     "nobody signs in",
		"launch/patient":             "nobody signs in",
		"openid":                     "nobody signs in",
		"fhirUser":                   "nobody signs in",
		"offline_access":             "nobody signs in",
		"system/Patient.rs?status=a": "not supported. Ask for the whole type, as in system/Patient.rs.",
		"system/Patient.sr":          "out of order or twice; they are written rs.",
		"system/Patient.rr":          "out of order or twice; they are written r.",
		"system/Patient.rx":          "permissions that there are not",
		"system/Patient.READ":        "permissions that there are not",
		"system/Patient.r.s":         "permissions that there are not",
		"system/Patient.rs ":         "permissions that there are not", //nolint:gocritic // the space is the fault
		"system/patient.r":           "names no resource type",
		"system/.r":                  "names no resource type",
		"system/**.r":                "names no resource type",
		"system/Patient/1.r":         "names no resource type",
	} {
		t.Run(scope, func(t *testing.T) {
			given, admin, err := access.ParseScopes([]string{"system/*.cruds", "portico/admin", scope})
			refused(t, err, fhir.Invalid, says)
			refused(t, err, fhir.Invalid, "scopes[2]: The scope "+fhir.Quote(scope))
			if given != nil || admin {
				t.Error("something is given all the same")
			}
		})
	}
	_, _, err := access.ParseScopes([]string{"openid", "system/*.r", "user/*.r"})
	if n := len(fhir.AsError(err).Issues); n != 2 {
		t.Errorf("%d faults of two are told: %v", n, err)
	}
}

// Whatever is given, WriteScopes writes what ParseScopes reads as the same.
func TestScopesSurviveWriting(t *testing.T) {
	types := []string{"*", "Appointment", "Patient", "Slot", "Task"}
	rapid.Check(t, func(t *rapid.T) {
		given := fhir.Scopes(rapid.MapOf(rapid.SampledFrom(types), rapid.Map(rapid.IntRange(0, int(fhir.MayEverything)), func(n int) fhir.Permission { return fhir.Permission(n) })).Draw(t, "given"))
		admin := rapid.Bool().Draw(t, "admin")
		list := access.WriteScopes(given, admin)
		again, adminAgain, err := access.ParseScopes(list)
		if err != nil || adminAgain != admin {
			t.Fatalf("%q: admin %v, %v", list, adminAgain, err)
		}
		for _, name := range append(types, "Account") {
			for p := range fhir.MayEverything + 1 {
				if given.Permit(name, p) != again.Permit(name, p) {
					t.Fatalf("%q: %s of %s is %v", list, p, name, again.Permit(name, p))
				}
			}
		}
		if d := cmp.Diff(list, access.WriteScopes(again, admin)); d != "" {
			t.Fatal(d)
		}
	})
}

// FuzzParseScopes holds true of any text: it is refused as Invalid, or means the same when it is written again.
func FuzzParseScopes(f *testing.F) {
	for _, s := range []string{"system/*.cruds", "system/Patient.read", "portico/admin", "user/Patient.rs", "system/Patient.rs?a=b", "launch", "system/*.*", "system/Ä.r"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, scope string) {
		given, admin, err := access.ParseScopes([]string{scope})
		if err != nil {
			refused(t, err, fhir.Invalid, "scopes[0]")
			return
		}
		again, adminAgain, err := access.ParseScopes(access.WriteScopes(given, admin))
		if err != nil || admin != adminAgain {
			t.Fatal(err)
		}
		if d := cmp.Diff(given, again); d != "" {
			t.Fatal(d)
		}
	})
}
