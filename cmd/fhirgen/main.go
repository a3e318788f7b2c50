package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
)

const usage = `fhirgen writes the tables of fhir/r4 from the official FHIR R4 definitions.

  fhirgen fetch --out DIR                       get, check and unpack the definitions into DIR/package
  fhirgen generate --package DIR|TGZ --out DIR  write the tables
`

func main() { os.Exit(start()) }

// start runs the command line and gives the status to exit with.
func start() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "fhirgen:", err)
		return 1
	}
	return 0
}

func run(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 0 {
		return errors.New("no command given; it is fetch, generate or help")
	}
	flags := flag.NewFlagSet("fhirgen "+args[0], flag.ContinueOnError)
	flags.SetOutput(out)
	target := flags.String("out", "", "directory to write to")
	switch args[0] {
	case "fetch":
		if err := parse(flags, args[1:]); err != nil {
			return err
		}
		return fetch(ctx, *target, out)
	case "generate":
		source := flags.String("package", "", "directory or .tgz of "+packageName)
		if err := parse(flags, args[1:]); err != nil {
			return err
		}
		return generate(*source, *target, out)
	case "help", "-h", "--help":
		_, err := io.WriteString(out, usage)
		return err
	}
	return fmt.Errorf("unknown command %q; it is fetch, generate or help", args[0])
}

// parse reads the flags, all of which are needed, and reports every one that is missing.
func parse(flags *flag.FlagSet, args []string) error {
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("%s: unexpected argument %q", flags.Name(), flags.Arg(0))
	}
	var missing []error
	flags.VisitAll(func(f *flag.Flag) {
		if f.Value.String() == "" {
			missing = append(missing, fmt.Errorf("%s: --%s is missing (%s)", flags.Name(), f.Name, f.Usage))
		}
	})
	return errors.Join(missing...)
}
