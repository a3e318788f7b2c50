package conformance_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-health/portico/conformance"
	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/validate"
)

var started = time.Date(2026, 1, 31, 9, 30, 0, 0, time.FixedZone("", 3600))

// table makes the promises for some types, with one search parameter each.
func table(types ...string) conformance.Promises { return tableOf(true, types...) }

// tableOf is table for a store with transactions or without.
func tableOf(transactions bool, types ...string) conformance.Promises {
	return conformance.New(conformance.Config{
		Release: "1.2.3", BaseURL: "https://example.org", Started: started, Types: types, Transactions: transactions,
		SearchLimits: conformance.SearchLimits{Budget: 4, Includes: 3, Gathered: 2, Count: 1, Links: 5}, Results: []string{"_count", "_sort"},
		Search: func(resourceType string) conformance.Search {
			return conformance.Search{
				Params: []conformance.Param{{
					Name: "identifier", Type: "token", Definition: "http://hl7.org/fhir/SearchParameter/clinical-identifier", Modifiers: []string{"missing", "not"},
				}},
				SortKeys: []string{"_lastUpdated", "date"}, Gathered: []string{"status"}, Includes: []string{resourceType + ":agent"}, RevIncludes: []string{"Provenance:target"},
			}
		},
		Unchecked: func(t string) []string {
			if t == "Patient" {
				return []string{"dom-6"}
			}
			return nil
		},
		Security: conformance.Security{
			Issuer: "https://example.org", TokenEndpoint: "https://example.org/token", JWKS: "https://example.org/keys",
			Introspection: "https://example.org/introspect", Revocation: "https://example.org/revoke",
			GrantTypes: []string{"client_credentials"}, AuthMethods: []string{"client_secret_basic", "private_key_jwt"}, SigningAlgorithms: []string{"ES384"}, CORS: true,
		},
	})
}

// open is a table without access control.
func open(p conformance.Promises) conformance.Promises {
	p.Security = conformance.Security{}
	return p
}

func TestNew(t *testing.T) {
	p := table("Slot", "AuditEvent", "Patient")
	var names []string
	for _, typ := range p.Types {
		names = append(names, typ.Name)
	}
	if diff := cmp.Diff([]string{"AuditEvent", "OperationDefinition", "Patient", "Slot"}, names); diff != "" {
		t.Errorf("types are not sorted:\n%s", diff)
	}
	for _, typ := range p.Types {
		if typ.Definitions != nil {
			continue
		}
		writable := typ.Name != "AuditEvent"
		for _, i := range []conformance.Interaction{conformance.HistoryInstance, conformance.HistoryType} { // the record never changes
			if typ.Offers(i) != writable {
				t.Errorf("%s offers %s: %v", typ.Name, i, typ.Offers(i))
			}
		}
		for _, i := range []conformance.Interaction{conformance.Create, conformance.Update, conformance.Patch, conformance.Delete} {
			if typ.Offers(i) != writable {
				t.Errorf("%s offers %s: %v", typ.Name, i, typ.Offers(i))
			}
			if typ.OffersConditional(i) != writable {
				t.Errorf("%s offers %s by a search: %v", typ.Name, i, typ.OffersConditional(i))
			}
		}
		for _, i := range []conformance.Interaction{conformance.Read, conformance.Vread, conformance.SearchType} {
			if !typ.Offers(i) {
				t.Errorf("%s does not offer %s", typ.Name, i)
			}
		}
	}
	if _, served := p.Type("Patient"); !served {
		t.Error("Patient is not found")
	}
	if _, served := p.Type("Observation"); served {
		t.Error("Observation is found, but was not asked for")
	}
	if p.BaseURL != "https://example.org/fhir" {
		t.Errorf("base URL %s", p.BaseURL)
	}
}

func TestVersion(t *testing.T) {
	p := table("Patient")
	tests := map[string]struct {
		number string
		known  bool
		strict bool
	}{
		"":    {"1", true, false},
		"1":   {"1", true, false},
		"2":   {"2", true, true},
		"3":   {"", false, false},
		"1.0": {"", false, false},
	}
	for asked, want := range tests {
		v, known := p.Version(asked)
		if known != want.known || v.Number != want.number || v.Strict != want.strict || v.MatchRequired != want.strict {
			t.Errorf("version %q: %+v, %v", asked, v, known)
		}
	}
	if diff := cmp.Diff([]string{"1", "2"}, p.VersionNumbers()); diff != "" {
		t.Error(diff)
	}
}

func TestServedTypes(t *testing.T) {
	tests := []struct {
		name    string
		setting []string
		want    []string
		faults  []string // parts of the error
	}{
		{name: "default", want: conformance.DefaultTypes()},
		{name: "list", setting: []string{"Slot", " Patient", "Slot"}, want: []string{"Patient", "Slot"}},
		{name: "every fault", setting: []string{"patient", "Visit", "Parameters", "all", "Slot", ""}, faults: []string{
			`"patient" is no resource type of R4; the name is written Patient`, `"Visit" is no resource type`, `"Parameters" cannot be served`,
			`"all" stands alone`, `"" is no resource type`,
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := conformance.ServedTypes(tt.setting)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
			if (err != nil) != (len(tt.faults) > 0) {
				t.Fatalf("error %v", err)
			}
			for _, part := range tt.faults {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q is not in the error:\n%v", part, err)
				}
			}
		})
	}
	t.Run("all", func(t *testing.T) {
		got, err := conformance.ServedTypes([]string{"all"})
		if err != nil || len(got) != 145 {
			t.Errorf("%d types, error %v", len(got), err)
		}
	})
	if n := len(conformance.DefaultTypes()); n != 19 {
		t.Errorf("%d default types", n)
	}
}

func TestDiscovery(t *testing.T) {
	const want = `{"fhir_base_endpoint":"https://example.org/fhir","fhir_metadata_endpoint":"https://example.org/fhir/metadata","fhir_batch_endpoint":"https://example.org/fhir","fhir_transaction_endpoint":"https://example.org/fhir",` +
		`"search_audit_event_endpoint":"https://example.org/fhir/AuditEvent",` +
		`"create_healthcare_service_endpoint":"https://example.org/fhir/HealthcareService","search_healthcare_service_endpoint":"https://example.org/fhir/HealthcareService",` +
		`"search_operation_definition_endpoint":"https://example.org/fhir/OperationDefinition",` +
		`"create_patient_endpoint":"https://example.org/fhir/Patient","search_patient_endpoint":"https://example.org/fhir/Patient",` +
		`"fhir_api_versions_supported":["1","2"]}`
	if diff := cmp.Diff(want, string(conformance.Discovery(open(table("Patient", "HealthcareService", "AuditEvent"))))); diff != "" {
		t.Error(diff)
	}
}

// Where there is access control, the discovery document has its endpoints, and is otherwise the same.
func TestDiscoveryOfAccess(t *testing.T) {
	const added = `"token_endpoint":"https://example.org/token","jwks_endpoint":"https://example.org/keys","introspection_endpoint":"https://example.org/introspect",` +
		`"revocation_endpoint":"https://example.org/revoke","smart_configuration_endpoint":"https://example.org/fhir/.well-known/smart-configuration",`
	p := table("Patient")
	with, without := string(conformance.Discovery(p)), string(conformance.Discovery(open(p)))
	if diff := cmp.Diff(without, strings.Replace(with, added, "", 1)); diff != "" || with == without {
		t.Errorf("%s in %s", diff, with)
	}
}

// A store that writes one resource at a time has no transactions, and nothing says that it had.
func TestWithoutTransactions(t *testing.T) {
	p := tableOf(false, "Patient")
	if p.OffersSystem(conformance.Transaction) || !p.OffersSystem(conformance.Batch) || !p.OffersSystem(conformance.SearchSystem) {
		t.Errorf("for all types at once there is %v", p.System)
	}
	if text := string(conformance.Discovery(p)); strings.Contains(text, "transaction") {
		t.Errorf("the discovery document is %s", text)
	}
	statement, err := fhir.ParseResource(capability(t, p, "1"))
	if err != nil {
		t.Fatal(err)
	}
	for _, rest := range statement.Root().Objects("rest") {
		for _, interaction := range rest.Objects("interaction") {
			if interaction.Text("code") == "transaction" {
				t.Error("the CapabilityStatement has the interaction transaction")
			}
		}
	}
}

// The server's own definitions are there under the canonical URLs by which they are advertised, are valid, and make room for stored ones.
func TestDefinitions(t *testing.T) {
	for _, r := range definitions(t, table("Patient"), "OperationDefinition") {
		if r.Root().Text("url") != "https://github.com/portico-health/portico/fhir/OperationDefinition/"+r.ID() {
			t.Errorf("%s is called %s", r.ID(), r.Root().Text("url"))
		}
		for _, issue := range validate.New().Report(r) {
			if issue.Severity != fhir.Warning {
				t.Errorf("%s: %v", r.ID(), issue)
			}
		}
	}
	if stored := definitions(t, table("Patient", "OperationDefinition"), "OperationDefinition"); stored != nil {
		t.Errorf("OperationDefinitions are stored, but there are %d beside them", len(stored))
	}
}

func definitions(t *testing.T, p conformance.Promises, name string) []fhir.Resource {
	t.Helper()
	typ, served := p.Type(name)
	if !served {
		t.Fatalf("%s is not served", name)
	}
	return typ.Definitions
}
