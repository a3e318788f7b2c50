package main

import (
	"bytes"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// The package that the tables are made from, and what its bytes must be: the form of "integrity" in npm's own
// lock files (https://www.w3.org/TR/SRI/). Recorded on 2026-11-21.
const (
	packageName    = "hl7.fhir.r4.examples"
	packageVersion = "4.0.1"
	integrity      = "sha512-DXBdIZOeQaSKIgCU7w6HOC7sw/6BzylmipLkBW4f//pT+Bc94x+8LImwTdvaNThPJoOzpBzvxAzNqjeu3X/zLw=="
)

const (
	attempts    = 2        // at a download; a second failure is not worth a third
	maxUnpacked = 1 << 30  // bytes; the package has 191 MB
	maxFile     = 64 << 20 // bytes
)

// fetch downloads the package into dir, unless it is there already, verifies and unpacks it.
func fetch(ctx context.Context, dir string, out io.Writer) error {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	archive := filepath.Join(dir, packageName+"-"+packageVersion+".tgz")
	if err := download(ctx, dir, archive); err != nil {
		return err
	}
	count, err := unpack(archive, filepath.Join(dir, "package"))
	if err != nil {
		return fmt.Errorf("unpack %s: %w", archive, err)
	}
	_, err = fmt.Fprintf(out, "%d files in %s\n", count, filepath.Join(dir, "package"))
	return err
}

func download(ctx context.Context, dir, archive string) error {
	failure := verify(archive)
	for try := 0; failure != nil && try < attempts; try++ {
		if failure = npmPack(ctx, dir); failure == nil {
			failure = verify(archive)
		}
	}
	return failure
}

func npmPack(ctx context.Context, dir string) error {
	var diagnosis bytes.Buffer
	cmd := exec.CommandContext(ctx, "npm", "pack", packageName+"@"+packageVersion, "--pack-destination", dir)
	cmd.Stderr = &diagnosis
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("npm pack %s@%s: %w\n%s", packageName, packageVersion, err, diagnosis.Bytes())
	}
	return nil
}

// verify compares a file with the pinned integrity.
func verify(archive string) error {
	f, err := os.Open(archive)
	if err != nil {
		return err
	}
	sum := sha512.New()
	_, err = io.Copy(sum, f)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if got := "sha512-" + base64.StdEncoding.EncodeToString(sum.Sum(nil)); got != integrity {
		return fmt.Errorf("%s is not the expected package: its integrity is %s, expected is %s", archive, got, integrity)
	}
	return nil
}

// unpack writes the JSON files of the archive into dir, which nothing can leave.
func unpack(archive, dir string) (count int, err error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return 0, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	total := 0
	err = eachInArchive(archive, func(name string, content []byte) error {
		total += len(content)
		if total > maxUnpacked {
			return fmt.Errorf("more than %d bytes", maxUnpacked)
		}
		count++
		return root.WriteFile(name, content, 0o644)
	})
	return count, err
}

// isPart tells whether a name in the package is one of its flat JSON files.
func isPart(name string) bool {
	return strings.HasSuffix(name, ".json") && !strings.ContainsAny(name, `/\`)
}
