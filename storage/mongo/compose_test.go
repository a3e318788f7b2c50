package mongo

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// The replica set of compose.yaml says the same to its nodes, to Docker and to Portico: each node's port is published, to this machine alone, is a member's, and is in the connection
// string that the file tells. Whether Docker likes it is not seen here.
func TestCompose(t *testing.T) {
	text, err := os.ReadFile("../../compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Services map[string]struct {
			Image       string
			Command     []string
			Ports       []string
			NetworkMode string `yaml:"network_mode"`
			Volumes     []string
			Healthcheck struct{ Test []string }
		}
		Volumes map[string]any
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	uri := regexp.MustCompile(`mongodb://[^']+`).FindString(string(text))
	dial, database, err := dialling(Config{URI: uri})
	if err != nil || database != "portico" {
		t.Fatal(uri, err)
	}
	var nodes, published, members []string
	probe := ""
	for name, s := range file.Services {
		port := wordBehind(s.Command, "--port")
		nodes = append(nodes, "127.0.0.1:"+port)
		for _, p := range s.Ports {
			at, to := p[:strings.LastIndex(p, ":")], p[strings.LastIndex(p, ":")+1:]
			if !strings.HasSuffix(at, ":"+to) {
				t.Errorf("%s is published as %s", to, at)
			}
			published = append(published, at)
		}
		if (s.Ports == nil) != (s.NetworkMode == "service:mongo1") {
			t.Errorf("%s: ports %q, network %q", name, s.Ports, s.NetworkMode)
		}
		if s.Image == "" || wordBehind(s.Command, "--replSet") != *dial.ReplicaSet {
			t.Errorf("%s: image %q, %q", name, s.Image, s.Command)
		}
		for _, v := range s.Volumes {
			if _, is := file.Volumes[strings.Split(v, ":")[0]]; !is {
				t.Errorf("%s: there is no volume %s", name, v)
			}
		}
		probe += strings.Join(s.Healthcheck.Test, " ")
	}
	for _, m := range regexp.MustCompile(`host: "([^"]+)"`).FindAllStringSubmatch(probe, -1) {
		members = append(members, m[1])
	}
	for _, list := range [][]string{nodes, published, members} {
		slices.Sort(list)
		if !slices.Equal(list, dial.Hosts) {
			t.Errorf("%q, and the connection string has %q", list, dial.Hosts)
		}
	}
	if !strings.Contains(probe, `_id: "`+*dial.ReplicaSet+`"`) {
		t.Errorf("the set that is begun is another: %s", probe)
	}
}

// wordBehind is what stands behind a word of a command.
func wordBehind(command []string, word string) string {
	if at := slices.Index(command, word); at >= 0 && at+1 < len(command) {
		return command[at+1]
	}
	return ""
}
