package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/portico-health/portico/fhir"
)

// version is set by the linker when a release is built.
var version = ""

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr})
	stop()
	os.Exit(code)
}

// Exit codes of every command.
const (
	exitOK      = 0
	exitRefused = 1 // the command ran, and something was refused
	exitUsage   = 2 // wrong usage, wrong configuration, or the other side is out of reach
)

// exit is an error that asks for an exit code. With a nil cause nothing is left to be said.
type exit struct {
	code  int
	cause error
}

func (e exit) Error() string {
	if e.cause == nil {
		return fmt.Sprintf("exit %d", e.code)
	}
	return e.cause.Error()
}

func (e exit) Unwrap() error { return e.cause }

// run carries out a command line and returns the exit code.
func run(ctx context.Context, args []string, std streams) int {
	root := newRoot(std)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	var e exit
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &e) && e.cause == nil:
		return e.code
	case errors.As(err, &e):
		fmt.Fprintln(std.err, "portico:", sentence(err))
		return e.code
	default:
		fmt.Fprintln(std.err, "portico:", sentence(err))
		return exitUsage
	}
}

// sentence is what a person at a terminal is told of an error: its cause too, for the one who runs the
// program may know everything.
func sentence(err error) string {
	var e *fhir.Error
	if !errors.As(err, &e) {
		return err.Error()
	}
	var words []string
	for _, issue := range e.Issues {
		if e.Kind != fhir.Internal || e.Err == nil { // what a client is told of a defect helps nobody here
			words = append(words, issue.Detail)
		}
	}
	if e.Err != nil {
		words = append(words, e.Err.Error())
	}
	return strings.Join(words, " ")
}

// release is the version to show: the linker's, else what the build knows of its module.
func release() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "development"
}
