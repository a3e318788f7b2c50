package validate

// bookingRules are those of the resources of booking and of the people and places in it.
var bookingRules = map[string]func(node) string{
	"app-1": func(n node) string {
		return must(n.has("type") || n.has("actor"), "A participant must have a type or an actor")
	},
	"app-2": func(n node) string {
		return must(n.has("start") == n.has("end"), "An appointment has both start and end, or neither")
	},
	"app-3": func(n node) string {
		return must(n.has("start") && n.has("end") || n.is("status", "proposed", "cancelled", "waitlist"),
			"Only an appointment that is proposed, cancelled or on the waitlist may be without start and end")
	},
	// The expression says no-show, which is no code of the status; the code is noshow.
	"app-4": func(n node) string {
		return must(!n.has("cancelationReason") || n.is("status", "noshow", "cancelled"),
			"Only an appointment whose status is cancelled or noshow may have a cancelationReason")
	},
	"apr-1": func(n node) string {
		return must(n.has("participantType") || n.has("actor"), "An appointment response must have a participantType or an actor")
	},
	"Task inv-1": func(n node) string {
		return must(!precedes(n.Text("lastModified"), n.Text("authoredOn")), "lastModified may not be earlier than authoredOn")
	},
	"pat-1": func(n node) string {
		return must(n.has("name") || n.has("telecom") || n.has("address") || n.has("organization"),
			"A contact must have a name, a telecom, an address or an organization")
	},
	"org-1": func(n node) string {
		return must(n.has("identifier") || n.has("name"), "An organization must have a name or an identifier")
	},
	"org-2": notHome,
	"org-3": notHome,
	"prr-1": func(n node) string {
		return must(!n.has("orderDetail") || n.has("code"), "A service request with orderDetail must have a code")
	},
}

func notHome(n node) string {
	return must(n.Text("use") != "home", "An organization is nobody's home: the use may not be home")
}
