package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// TestReadmeListsEveryCommand holds the README's table of commands against the commands that there are.
func TestReadmeListsEveryCommand(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for command := range commandsBelow(newRoot(streams{})) {
		if !strings.Contains(string(text), "\n| `"+command) {
			t.Errorf("the README has no row for %s", command)
		}
	}
}

// commandsBelow are the commands that do something, as they are called.
func commandsBelow(c *cobra.Command) map[string]bool {
	all := make(map[string]bool)
	for _, below := range c.Commands() {
		for name := range commandsBelow(below) {
			all[name] = true
		}
		if below.Runnable() {
			all[below.CommandPath()] = true
		}
	}
	return all
}
