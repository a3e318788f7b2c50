package search

// elementNames are names by which clients of the NHS go along references in chains and includes, and R4's names for them. BaRS asks for
// Slot?Schedule.actor:HealthcareService=… and GP Connect and BaRS include what elements are called, Location:managingOrganization and
// HealthcareService:providedBy. Passed over as unknown, a chain would find the slots of every service.
var elementNames = map[string]map[string]string{
	"Slot":              {"Schedule": "schedule"},
	"Location":          {"managingOrganization": "organization"},
	"HealthcareService": {"providedBy": "organization"},
}

// spelt is the name of a parameter of a type as R4, or this server, writes it.
func (r *Rules) spelt(typ, name string) string {
	if right := elementNames[typ][name]; right != "" && r.types[typ].byName[name] == nil {
		return right
	}
	return name
}
