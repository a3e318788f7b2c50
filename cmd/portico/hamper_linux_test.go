package main

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
)

// The ways to make a disk full for one process. It has space again when it gets SIGUSR1.
const (
	envFileLimit = "PORTICO_TEST_FILE_LIMIT" // bytes that a file may have (RLIMIT_FSIZE)
	envSmallDisk = "PORTICO_TEST_SMALL_DISK" // folder that becomes a disk of its own with what was in it, nearly full; needs a mount namespace
)

const (
	smallDisk = 16 << 20
	ballast   = 15 << 20
)

// hamper takes space from the process before it becomes the program.
func hamper() {
	again := make(chan os.Signal, 1)
	signal.Notify(again, syscall.SIGUSR1)
	var giveBack func() error
	if limit, err := strconv.ParseUint(os.Getenv(envFileLimit), 10, 64); err == nil {
		signal.Ignore(syscall.SIGXFSZ)
		old := limitFiles(limit, 0)
		giveBack = func() error { limitFiles(old.Cur, old.Max); return nil }
	}
	if dir := os.Getenv(envSmallDisk); dir != "" {
		file := filepath.Join(dir, "ballast")
		there, err := os.MkdirTemp("", "hamper")
		orExit(err)
		orExit(os.CopyFS(there, os.DirFS(dir)))
		orExit(syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", smallDisk)))
		orExit(os.CopyFS(dir, os.DirFS(there)))
		orExit(os.RemoveAll(there))
		orExit(os.WriteFile(file, make([]byte, ballast), 0o600))
		giveBack = func() error { return os.Remove(file) }
	}
	if giveBack != nil {
		go func() {
			<-again
			orExit(giveBack())
		}()
	}
}

// limitFiles sets how large files may become, and returns what it was. A highest limit of 0 leaves that.
func limitFiles(limit, highest uint64) (old syscall.Rlimit) {
	orExit(syscall.Getrlimit(syscall.RLIMIT_FSIZE, &old))
	next := syscall.Rlimit{Cur: limit, Max: max(highest, old.Max)}
	orExit(syscall.Setrlimit(syscall.RLIMIT_FSIZE, &next))
	return old
}

func orExit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "hamper:", err)
		os.Exit(3)
	}
}

// inNamespace runs a command in a user namespace of its own (user_namespaces(7)), as root or as a user who may no more than the owner of
// its files. It skips the test where that is not allowed.
func inNamespace(t *testing.T, cmd *exec.Cmd, uid int) {
	t.Helper()
	one := func(container, host int) []syscall.SysProcIDMap {
		return []syscall.SysProcIDMap{{ContainerID: container, HostID: host, Size: 1}}
	}
	attributes := &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: one(uid, os.Geteuid()), GidMappings: one(uid, os.Getegid()),
	}
	probe := exec.CommandContext(t.Context(), "true")
	probe.SysProcAttr = attributes
	if err := probe.Run(); err != nil {
		t.Skipf("this system allows no user namespaces (user.max_user_namespaces, kernel.unprivileged_userns_clone): %v", err)
	}
	cmd.SysProcAttr = attributes
}

// giveSpace lets a hampered process have space again.
func (p *process) giveSpace(t *testing.T) {
	t.Helper()
	if err := p.Process.Signal(syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
}
