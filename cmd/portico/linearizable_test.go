package main

import (
	"net/http"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// patience bounds how long a history is checked.
const patience = time.Minute

// checkLinearizable looks for an order of the operations of a register, each at a moment between its call and its return, in which the registers would have
// answered just so.
func checkLinearizable(t *testing.T, history []porcupine.Operation) {
	t.Helper()
	if result := porcupine.CheckOperationsTimeout(registers(), history, patience); result != porcupine.Ok {
		t.Errorf("the history of %s is not linearizable (%s):", history[0].Input.(input).register, result)
		for _, o := range history {
			t.Logf("client %d, %d to %d: %+v -> %+v", o.ClientId, o.Call, o.Return, o.Input, o.Output)
		}
	}
}

// TestRegistersAreChecked holds the model itself against histories that are right, and such as a store with a fault would leave.
func TestRegistersAreChecked(t *testing.T) {
	const forever = 1000
	op := func(call, end int64, in input, out output) porcupine.Operation {
		in.register = "x"
		return porcupine.Operation{Call: call, Return: end, Input: in, Output: out}
	}
	wrote := func(status int, number int64, names string) output {
		return output{status: status, edition: edition{"x", number, names}}
	}
	made := op(1, 2, input{deed: put, name: "a"}, wrote(http.StatusCreated, 1, "a"))
	refused, lost := output{status: http.StatusPreconditionFailed}, output{lost: true}
	gone := op(3, 4, input{deed: remove}, output{status: http.StatusOK, edition: edition{number: 2}})
	one := func(id string, status int) output { return output{status: status, edition: edition{id, 1, "a"}} }

	tests := []struct {
		name    string
		right   bool
		history []porcupine.Operation
	}{
		{"versions behind each other", true, []porcupine.Operation{made,
			op(3, 4, input{deed: add, name: "b"}, wrote(200, 2, "a,b")),
			op(5, 6, input{deed: put, name: "c", match: 2}, wrote(200, 3, "c")),
			op(7, 8, input{deed: readVersion, number: 2}, wrote(200, 2, "a,b"))}},
		{"a lost update", false, []porcupine.Operation{made,
			op(3, 4, input{deed: put, name: "b"}, wrote(200, 2, "b")),
			op(5, 6, input{deed: read}, wrote(200, 1, "a"))}},
		{"a lost patch", false, []porcupine.Operation{made,
			op(3, 6, input{deed: add, name: "b"}, wrote(200, 2, "a,b")),
			op(3, 6, input{deed: add, name: "c"}, wrote(200, 3, "a,c"))}},
		{"a version number twice", false, []porcupine.Operation{made,
			op(3, 6, input{deed: put, name: "b"}, wrote(200, 2, "b")),
			op(3, 6, input{deed: put, name: "c"}, wrote(200, 2, "c"))}},
		{"a gap in the numbers", false, []porcupine.Operation{made, op(3, 4, input{deed: put, name: "b"}, wrote(200, 3, "b"))}},
		{"two writers of one version", false, []porcupine.Operation{made,
			op(3, 6, input{deed: put, name: "b", match: 1}, wrote(200, 2, "b")),
			op(3, 6, input{deed: put, name: "c", match: 1}, wrote(200, 3, "c"))}},
		{"one of them refused", true, []porcupine.Operation{made,
			op(3, 6, input{deed: put, name: "b", match: 1}, wrote(200, 2, "b")),
			op(3, 6, input{deed: put, name: "c", match: 1}, refused)}},
		{"a refusal without reason", false, []porcupine.Operation{made, op(3, 4, input{deed: put, name: "c", match: 1}, refused)}},
		{"a refused write that shows", false, []porcupine.Operation{made,
			op(3, 4, input{deed: put, name: "b", absent: true}, refused),
			op(5, 6, input{deed: read}, wrote(200, 2, "b"))}},
		{"a deletion with its number, and one undone", true, []porcupine.Operation{made, gone,
			op(5, 6, input{deed: read}, output{status: http.StatusGone}),
			op(7, 8, input{deed: put, name: "b"}, wrote(201, 3, "b")),
			op(9, 10, input{deed: readVersion, number: 2}, output{status: http.StatusGone, edition: edition{number: 2}})}},
		{"a deletion that took no number", false, []porcupine.Operation{made, gone, op(5, 6, input{deed: put, name: "b"}, wrote(201, 2, "b"))}},
		{"a deleted one that is read", false, []porcupine.Operation{made, gone, op(5, 6, input{deed: read}, wrote(200, 1, "a"))}},
		{"a read from before, while the write is under way", true, []porcupine.Operation{made,
			op(3, 6, input{deed: put, name: "b"}, wrote(200, 2, "b")),
			op(4, 5, input{deed: read}, wrote(200, 1, "a"))}},
		{"reads that go back", false, []porcupine.Operation{made,
			op(3, 8, input{deed: put, name: "b"}, wrote(200, 2, "b")),
			op(4, 5, input{deed: read}, wrote(200, 2, "b")),
			op(6, 7, input{deed: read}, wrote(200, 1, "a"))}},
		{"an answer that was lost, and the write too", true, []porcupine.Operation{made,
			op(3, forever, input{deed: put, name: "b"}, lost), op(4, 5, input{deed: read}, wrote(200, 1, "a"))}},
		{"an answer that was lost, but not the write", true, []porcupine.Operation{made,
			op(3, forever, input{deed: put, name: "b"}, lost), op(4, 5, input{deed: read}, wrote(200, 2, "b"))}},
		{"a lost one that is carried out twice", false, []porcupine.Operation{made,
			op(3, forever, input{deed: add, name: "b"}, lost), op(4, 5, input{deed: read}, wrote(200, 3, "a,b,b"))}},
		{"a lost one that is carried out by half", false, []porcupine.Operation{made,
			op(3, forever, input{deed: add, name: "b"}, lost), op(4, 5, input{deed: read}, wrote(200, 2, "a"))}},
		{"a lost one whose name is there", true, []porcupine.Operation{made,
			op(3, forever, input{deed: add, name: "b"}, output{left: true}), op(4, 5, input{deed: read}, wrote(200, 2, "a,b"))}},
		{"a lost one whose name is there though it could not be carried out", false, []porcupine.Operation{made,
			op(3, forever, input{deed: put, name: "b", match: 7}, output{left: true}), op(4, 5, input{deed: read}, wrote(200, 1, "a"))}},
		{"a condition that makes one", true, []porcupine.Operation{
			op(1, 4, input{deed: createIfNone, name: "a"}, one("i", http.StatusCreated)), op(1, 4, input{deed: createIfNone, name: "b"}, one("i", http.StatusOK))}},
		{"a condition that makes two", false, []porcupine.Operation{
			op(1, 4, input{deed: createIfNone, name: "a"}, one("i", http.StatusCreated)), op(1, 4, input{deed: createIfNone, name: "a"}, one("j", http.StatusCreated))}},
		{"one whose id was lost, and comes to be known", true, []porcupine.Operation{
			op(1, 2, input{deed: createIfNone, name: "a"}, lost),
			op(3, 4, input{deed: createIfNone, name: "b"}, one("i", http.StatusOK)), op(5, 6, input{deed: createIfNone, name: "b"}, one("i", http.StatusOK))}},
		{"one that has two ids", false, []porcupine.Operation{
			op(1, 2, input{deed: createIfNone, name: "a"}, lost),
			op(3, 4, input{deed: createIfNone, name: "b"}, one("i", http.StatusOK)), op(5, 6, input{deed: createIfNone, name: "b"}, one("j", http.StatusOK))}},
		{"another one after a deletion", true, []porcupine.Operation{
			op(1, 2, input{deed: createIfNone, name: "a"}, one("i", http.StatusCreated)),
			op(3, 4, input{deed: removeWhere}, output{status: http.StatusOK, edition: edition{number: 2}}),
			op(5, 6, input{deed: removeWhere}, output{status: http.StatusOK}),
			op(7, 8, input{deed: putWhere, name: "a"}, one("j", http.StatusCreated))}},
		{"a history that is whole", true, []porcupine.Operation{
			op(1, 2, input{deed: given, versions: []edition{{"x", 2, ""}, {"x", 1, "a"}}}, output{}),
			op(3, 4, input{deed: put, name: "b"}, wrote(201, 3, "b")),
			op(5, 6, input{deed: examine}, output{versions: []edition{{"x", 3, "b"}, {"", 2, ""}, {"x", 1, "a"}}})}},
		{"a history that lacks a version", false, []porcupine.Operation{made,
			op(3, 4, input{deed: put, name: "b"}, wrote(200, 2, "b")),
			op(5, 6, input{deed: examine}, output{versions: []edition{{"x", 2, "b"}}})}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			result := porcupine.CheckOperationsTimeout(registers(), test.history, patience)
			if want := map[bool]porcupine.CheckResult{true: porcupine.Ok, false: porcupine.Illegal}[test.right]; result != want {
				t.Errorf("the history is %s, want %s", result, want)
			}
		})
	}
}
