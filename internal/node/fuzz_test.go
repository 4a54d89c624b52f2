package node

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"
)

// FuzzConfigFile reads anything as a configuration file: it gives values of
// settings, each with its place, or says what is wrong in a *ConfigError.
func FuzzConfigFile(f *testing.F) {
	f.Add([]byte("http: \":8080\"\ndata: /srv\n"))
	f.Add([]byte("# nothing\n---\nlog_level: debug\n---\nmax_message: 64KiB\n"))
	f.Add([]byte("a: &a [*a, *a]\nhttp: *a\n"))
	f.Add([]byte("http: {a: {b: [1, 2\n\t- x: |\n  y\n"))
	f.Add([]byte("? [http]\n: !!binary aGk=\n<<: *x\n"))
	f.Add([]byte(strings.Repeat("[", 2000)))
	if b, err := os.ReadFile("../../docs/configuration.md"); err == nil {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		values, err := parseFile("file.yaml", b)
		if err != nil {
			if bad := (*ConfigError)(nil); !errors.As(err, &bad) || bad.Text == "" {
				t.Fatalf("%q is refused with %v", b, err)
			}
			return
		}
		for _, s := range Settings() {
			v, given := values[s.Key]
			if given && !strings.HasPrefix(v.where, "file.yaml:") {
				t.Errorf("%s is at %q", s.Key, v.where)
			}
			delete(values, s.Key)
		}
		if len(values) > 0 {
			t.Errorf("%q gives what is no setting: %v", b, values)
		}
	})
}

// FuzzSetting gives any text to any setting. What is taken reads back the same.
func FuzzSetting(f *testing.F) {
	for i, text := range []string{"./data", "9223372036854775807GiB", "10.0.0.0/8, ::1,fe80::1%eth0", "-0KiB", ":8080", "debug", "\x00", "1 MiB"} {
		f.Add(uint8(i), text)
	}
	settings := Settings()
	f.Fuzz(func(t *testing.T, which uint8, text string) {
		s := settings[int(which)%len(settings)]
		var c, again Config
		if s.set(&c, text) != nil {
			return
		}
		written := s.Value(&c)
		if err := s.set(&again, written); err != nil || s.Value(&again) != written {
			t.Fatalf("%s: %q is written as %q and read back as %q, %v", s.Flag, text, written, s.Value(&again), err)
		}
	})
}

// FuzzSealed opens anything as a sealed value: only what was sealed opens.
func FuzzSealed(f *testing.F) {
	keys, err := newSealer(bytes.Repeat([]byte{7}, cellKeyBytes), bytes.NewReader(make([]byte, 64)))
	if err != nil {
		f.Fatal(err)
	}
	good, err := keys.seal(purposeVisitors, []byte("a secret"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:13])
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, sealed []byte) {
		if value, err := keys.open(purposeVisitors, sealed); err == nil && !bytes.Equal(sealed, good) {
			t.Fatalf("%x, which was never sealed, opens as %q", sealed, value)
		}
	})
}

// FuzzIdentity reads anything as the node's own record. What it takes is whole.
func FuzzIdentity(f *testing.F) {
	i, err := newIdentity(bytes.NewReader(make([]byte, 64)))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(i.encode())
	f.Add([]byte(`{"cell":"","generation":null}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		i, err := decodeIdentity(b)
		if err != nil {
			return
		}
		if again, err := decodeIdentity(i.encode()); err != nil || again != i || i.Cell == "" || i.Node == "" {
			t.Fatalf("%q is read as %+v, and that as %+v, %v", b, i, again, err)
		}
	})
}
