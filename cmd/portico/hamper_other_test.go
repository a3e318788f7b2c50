//go:build !linux

package main

import (
	"os/exec"
	"testing"
)

const (
	envFileLimit = ""
	envSmallDisk = ""
)

func hamper() {}

func inNamespace(t *testing.T, _ *exec.Cmd, _ int) {
	t.Helper()
	t.Skip("only Linux has user namespaces")
}

func (p *process) giveSpace(t *testing.T) {
	t.Helper()
	t.Skip("only on Linux a disk is made full")
}
