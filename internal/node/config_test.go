package node

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "write docs/configuration.md")

func TestConfigDoc(t *testing.T) {
	const page = "../../docs/configuration.md"
	if *update {
		if err := os.WriteFile(page, ConfigDoc(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, ConfigDoc()) {
		t.Errorf("%s differs from node.Config; write it anew: go test ./internal/node -run ConfigDoc -update", page)
	}
}

func TestEverySettingIsDescribed(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range Settings() {
		if s.Flag == "" || s.Help == "" || !strings.HasSuffix(s.Help, ".") {
			t.Errorf("field %s: a name and a help sentence that ends in a full stop, please", reflect.TypeFor[Config]().Field(s.field).Name)
		}
		if seen[s.Flag] {
			t.Errorf("--%s is there twice", s.Flag)
		}
		seen[s.Flag] = true
		c := DefaultConfig()
		if got := s.Value(&c); got != s.Default {
			t.Errorf("--%s: default %q reads back as %q", s.Flag, s.Default, got)
		}
	}
}

func TestPrecedence(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.yaml")
	write(t, file, "log_level: error\nname: file\nhttp: \":1\"\n")
	env := map[string]string{"EVENKEEL_NAME": "env", "EVENKEEL_HTTP": ":2"}
	loaded, err := Load(Sources{
		Flags: map[string]string{"http": ":3"},
		Env:   func(k string) (string, bool) { v, ok := env[k]; return v, ok },
		File:  file,
	})
	if err != nil {
		t.Fatal(err)
	}
	want := DefaultConfig()
	want.HTTP, want.Name, want.LogLevel = ":3", "env", "error"
	if !reflect.DeepEqual(loaded.Config, want) {
		t.Errorf("got  %+v\nwant %+v", loaded.Config, want)
	}
	for flag, source := range map[string]string{"http": "--http", "name": "EVENKEEL_NAME", "log-level": file + ":1", "data": "default"} {
		if loaded.Sources[flag] != source {
			t.Errorf("--%s comes from %q, want %q", flag, loaded.Sources[flag], source)
		}
	}
}

func TestFileNamedByEnvironment(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.yaml")
	write(t, file, "name: keel\n")
	loaded, err := Load(Sources{Env: func(k string) (string, bool) { return file, k == EnvConfigFile }})
	if err != nil || loaded.Config.Name != "keel" {
		t.Errorf("name %q, error %v", loaded.Config.Name, err)
	}
}

// TestLists: in the file a list may be one, or have commas between.
func TestLists(t *testing.T) {
	for _, text := range []string{"bus: [\"nats://a\", \"tls://b:4222\"]\n", "bus: nats://a, tls://b:4222\n", "bus:\n  - nats://a\n  - tls://b:4222\n"} {
		file := filepath.Join(t.TempDir(), "c.yaml")
		write(t, file, text)
		loaded, err := Load(Sources{File: file})
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if o := loaded.Config.outside(); o == nil || !slices.Equal(o.Servers, []string{"nats://a", "tls://b:4222"}) {
			t.Errorf("%q names %+v", text, o)
		}
	}
}

func TestRefusedConfig(t *testing.T) {
	for _, tc := range []struct{ file, want string }{
		{"name: a\n\nhttpp: \":8080\"\n", `:3: there is no setting "httpp"; the settings are data, name, http`},
		{"name: a\nname: b\n", `:2: not YAML: mapping key "name" already defined`},
		{"name: a\n---\nname: b\n", ":3: name was given before, at "},
		{"http: [1, 2]\n", ":1: http must be a single value"},
		{"- http\n", ":1: the file must be lines of KEY: VALUE"},
		{"http: \"8080\"\n", `:1: http: "8080" must be HOST:PORT or :PORT`},
		{"http: \":http\"\n", `:1: http: the port of ":http" must be a number`},
		{"http: \":99999\"\n", "must be a number from 0 to 65535"},
		{"name: \"a b\"\n", `:1: name: "a b" must be at most 64 letters`},
		{"data: \"\"\n", ":1: data: must name a directory"},
		{"log_level: loud\n", `:1: log_level: "loud" must be one of debug, info, warn, error`},
		{"max_message: 12\n", ":1: max_message: 12 must be from 4KiB to 1MiB"},
		{"max_message: 64 apples\n", `:1: max_message: "64 apples" is not a size`},
		{"segment_size: 1048577\n", ":1: segment_size: 1048577 must be a multiple of 4KiB"},
		{"a: {b\n", ":1: not YAML: "},
		{"bus: 7401\n", `:1: bus: "7401" must be HOST:PORT or :PORT, such as :7401, or nats://HOST:PORT`},
		{"bus: \":nats\"\n", `:1: bus: the port of ":nats" must be a number`},
		{"bus: [nats://a, http://b]\n", ":1: bus: servers are written nats://HOST:PORT"},
		{"bus: [[nats://a]]\n", ":1: bus must be a single value"},
		{"bus: nats://a\nbus_credentials: /missing.creds\n", ":1: bus: a file cannot be read: open /missing.creds"},
		{"bus: \":7401\"\nbus_ca: ca.pem\n", ":2: bus_ca: is for a NATS system that bus names"},
	} {
		path := filepath.Join(t.TempDir(), "c.yaml")
		write(t, path, tc.file)
		_, err := Load(Sources{File: path})
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("file %q:\n got error %v\n want one with %s", tc.file, err, tc.want)
		}
	}
	if _, err := Load(Sources{File: "no-such-file.yaml"}); err == nil || !strings.Contains(err.Error(), "no-such-file.yaml") {
		t.Errorf("missing file: %v", err)
	}
	bad := map[string]string{"max-outgoing": "1KiB"}
	if _, err := Load(Sources{Flags: bad}); err == nil || err.Error() != "--max-outgoing: 1KiB must be from 64KiB to 64MiB" {
		t.Errorf("bad flag: %v", err)
	}
}

func TestEmptyFile(t *testing.T) {
	for _, text := range []string{"", "\n", "# nothing\n", "---\n"} {
		path := filepath.Join(t.TempDir(), "c.yaml")
		write(t, path, text)
		loaded, err := Load(Sources{File: path})
		if err != nil {
			t.Errorf("%q: %v", text, err)
		} else if !reflect.DeepEqual(loaded.Config, DefaultConfig()) {
			t.Errorf("%q changed the defaults", text)
		}
	}
}

func TestDefaultsFileReadsBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.yaml")
	want := DefaultConfig()
	want.Data, want.Name = `C:\keel "data"`, "n-1"
	write(t, path, string(ConfigYAML(&want, func(Setting) string { return "here" })))
	loaded, err := Load(Sources{File: path})
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(loaded.Config, want) {
		t.Errorf("got  %+v\nwant %+v", loaded.Config, want)
	}
}

func TestBytesReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := Bytes(rapid.Int64Range(0, 1<<50).Draw(t, "size"))
		var got Bytes
		if err := got.UnmarshalText([]byte(want.String())); err != nil || got != want {
			t.Fatalf("%s read back as %d, error %v", want, got, err)
		}
	})
	var b Bytes
	for _, bad := range []string{"", "KiB", "-1", "1.5MiB", "1KB", "9999999999999GiB"} {
		if err := b.UnmarshalText([]byte(bad)); err == nil {
			t.Errorf("%q was taken as %s", bad, b)
		}
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
