package realtime

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/evenkeel/evenkeel"
)

// FuzzDecode gives the decoder anything. What it accepts is bounded and asks
// for one thing at a time.
func FuzzDecode(f *testing.F) {
	f.Add([]byte("{}"))
	f.Add([]byte("{\"id\":1,\"connect\":{\"token\":\"t\",\"data\":{\"a\":[1,2]},\"subs\":{\"a\":{\"recover\":true,\"epoch\":\"e\",\"offset\":7}}}}\n\n{}"))
	f.Add([]byte(`{"id":2,"subscribe":{"channel":"c","recover":true,"epoch":"e","offset":18446744073709551615,"flag":3}}`))
	f.Add([]byte(`{"id":3,"history":{"channel":"c","limit":-1,"since":{"offset":1},"reverse":true}}`))
	f.Add([]byte(`{"id":4,"rpc":{"method":"m","data":null}}`))
	f.Add([]byte(`{"id":-1}`))
	f.Add([]byte(strings.Repeat("{}\n", maxCommands+1)))
	f.Fuzz(func(t *testing.T, message []byte) {
		commands, err := JSON().Decode(message)
		if err != nil {
			if commands != nil {
				t.Error("commands beside an error")
			}
			return
		}
		if len(commands) == 0 || len(commands) > maxCommands {
			t.Errorf("%d commands", len(commands))
		}
		for _, c := range commands {
			if n := c.requests(); n > 1 || c.Pong && (n != 0 || c.ID != 0) {
				t.Errorf("%+v asks for %d things", c, n)
			}
			if c.RPC != nil && len(c.RPC.Params) > 0 && !json.Valid(c.RPC.Params) {
				t.Errorf("params are no JSON: %q", c.RPC.Params)
			}
		}
	})
}

// FuzzPlainCall: what is read the short way is what is read the long way.
func FuzzPlainCall(f *testing.F) {
	for _, line := range []string{
		`{"id":1,"rpc":{"method":"chat.send","data":{"id":"a","text":"\u00e4 \"x\""}}}`,
		`{ "rpc" : { "data" : [1, {"a":null}] , "method" : "m" } , "id" : 42 }`, `{"rpc":{"method":"m"}}`, `{"id":7,"rpc":{"data":null,"method":""}}`,
		`{"id":0,"rpc":{"method":"m"}}`, `{"id":01,"rpc":{"method":"m"}}`, `{"id":4294967296,"rpc":{"method":"m"}}`, `{"id":1.0,"rpc":{"method":"m"}}`,
		`{"id":1,"id":2,"rpc":{"method":"m"}}`, `{"ID":1,"rpc":{"method":"m"}}`, `{"id":1,"rpc":{"method":"m","method":"n"}}`, `{"id":1,"rpc":{"Method":"m","data":1}}`,
		`{"id":1,"rpc":{"method":"\u006d","data":1}}`, "{\"id\":1,\"rpc\":{\"method\":\"\xff\",\"data\":\"\xff\"}}", `{"id":1,"rpc":null}`, `{"id":1,"rpc":{}}`,
		`{"id":1,"rpc":{"method":"m","data":{"a":1}}`, `{"id":1,"rpc":{"method":"m","data":{"a":1}}}}`, `{"id":1,"rpc":{"method":"m","data":tru}}`,
		`{"id":1,"rpc":{"method":"m"},"ping":{}}`, `{"id":1,"rpc":{"method":"m"},"x":1}`, `{"i\u0064":1,"rpc":{"method":"m"}}`, `{"id":1,"rpc":{"method":null}}`, `{"id":null,"rpc":{"method":"m"}}`,
	} {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		got, ok := plainCall(line)
		if !ok {
			return
		}
		if want, err := decodeShape(line); err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%q was read as %+v, not as %+v, %v", line, got.RPC, want, err)
		}
	})
}

// FuzzDecodeProtobuf gives the other decoder anything. What it reads is
// what another implementation of Protobuf reads.
func FuzzDecodeProtobuf(f *testing.F) {
	for _, frame := range []string{
		`{}`, `{"id":1,"connect":{"token":"t","data":{"a":[1,2]},"subs":{"a":{"recover":true,"epoch":"e","offset":7}}}}`,
		`{"id":2,"subscribe":{"channel":"c","recover":true,"epoch":"e","offset":18446744073709551615,"flag":3}}`,
		`{"id":3,"history":{"channel":"c","limit":-1,"since":{"offset":1},"reverse":true}}`,
		`{"id":4,"rpc":{"method":"m","data":{"text":"hello"}}}`,
	} {
		message, err := toProtobuf(f, frame)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(message)
		f.Add(message[:len(message)/2])
	}
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01})
	f.Add(bytes.Repeat([]byte{0}, maxCommands+1))
	f.Fuzz(func(t *testing.T, message []byte) {
		commands, err := Protobuf().Decode(message)
		if err != nil {
			if commands != nil {
				t.Error("commands beside an error")
			}
			return
		}
		if len(commands) == 0 || len(commands) > maxCommands {
			t.Errorf("%d commands", len(commands))
		}
		for _, c := range commands {
			if n := c.requests(); n > 1 || c.Pong && (n != 0 || c.ID != 0) {
				t.Errorf("%+v asks for %d things", c, n)
			}
			if c.RPC != nil && c.Fault == "" && len(c.RPC.Params) > 0 && !json.Valid(c.RPC.Params) {
				t.Errorf("params are no JSON: %q", c.RPC.Params)
			}
		}
		for i, rest := 0, message; len(rest) > 0; i++ {
			body, n := protowire.ConsumeBytes(rest)
			rest = rest[n:]
			m := newMessage(t, "Command")
			if proto.Unmarshal(body, m) != nil {
				continue // nonsense in a field that we pass over
			}
			if got, want := leaves(commands[i]), leavesOf(m); got != want {
				t.Fatalf("%x: %s is read, want %s", body, got, want)
			}
		}
	})
}

// FuzzDecodeEmulation gives the decoder of requests with commands anything.
func FuzzDecodeEmulation(f *testing.F) {
	f.Add([]byte(`{"session":"s","node":"n","data":"{}\n{\"id\":1}"}`), false)
	f.Add([]byte(`{"session":7}`), false)
	f.Add(emulationOf("n", "s", []byte{0}), true)
	f.Add(emulationOf("", "", nil), true)
	f.Fuzz(func(t *testing.T, body []byte, binary bool) {
		q, err := decodeEmulation(body, binary)
		switch {
		case err != nil && (q.Session != "" || q.Data != nil):
			t.Errorf("%+v beside an error", q)
		case err == nil && (q.Session == "" || len(q.Data) > 3*len(body)): // what is no UTF-8 in JSON becomes U+FFFD
			t.Errorf("%+v of %d bytes", q, len(body))
		}
	})
}

// leaves are some fields of a command, in each way to encode one.
func leaves(c *Command) string {
	switch {
	case c.RPC != nil:
		return fmt.Sprintf("%d rpc %q %q", c.ID, c.RPC.Method, c.RPC.Params)
	case c.Subscribe != nil:
		return fmt.Sprintf("%d subscribe %q %t %d", c.ID, c.Subscribe.Channel, c.Subscribe.Recover, c.Subscribe.Since.Offset)
	case c.History != nil:
		return fmt.Sprintf("%d history %q %d", c.ID, c.History.Channel, c.History.Limit)
	}
	return fmt.Sprint(c.ID)
}

// leavesOf are the same as another implementation reads them.
func leavesOf(m protoreflect.Message) string {
	get := func(m protoreflect.Message, name protoreflect.Name) protoreflect.Value {
		return m.Get(m.Descriptor().Fields().ByName(name))
	}
	has := func(name protoreflect.Name) bool { return m.Has(m.Descriptor().Fields().ByName(name)) }
	id := get(m, "id").Uint()
	switch {
	case has("rpc"):
		rpc := get(m, "rpc").Message()
		return fmt.Sprintf("%d rpc %q %q", id, get(rpc, "method").String(), notNull(get(rpc, "data").Bytes()))
	case has("subscribe"):
		sub := get(m, "subscribe").Message()
		return fmt.Sprintf("%d subscribe %q %t %d", id, get(sub, "channel").String(), get(sub, "recover").Bool(), get(sub, "offset").Uint())
	case has("history"):
		h := get(m, "history").Message()
		return fmt.Sprintf("%d history %q %d", id, get(h, "channel").String(), get(h, "limit").Int())
	}
	return fmt.Sprint(id)
}

// FuzzSession plays anything as a transcript. The session must answer in
// frames that are JSON, keep its bounds, and once it is closed want nothing
// more.
func FuzzSession(f *testing.F) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		f.Fatal("no transcripts to start from")
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Fuzz(func(t *testing.T, text string) {
		s := newStage(DefaultSettings())
		s.set.PingPresent, s.set.PingOthers = time.Minute, time.Hour // short scripts, long waits
		for _, line := range strings.Split(text, "\n") {
			if unfit(line) {
				continue
			}
			closed := s.session.Closed()
			if s.play(line) != nil {
				continue
			}
			if text := s.log.String(); closed && strings.Contains(text, "!") && !strings.HasPrefix(strings.TrimSpace(line), "keys") {
				t.Fatalf("a closed session wants %s", text)
			}
			for _, frame := range bytes.Split(s.session.Take(nil, 1<<20), []byte{'\n'}) {
				if len(frame) > 0 && !json.Valid(frame) {
					t.Fatalf("no frame: %q", frame)
				}
			}
			s.log.Reset()
			if s.session.out.pubs > s.set.MaxQueueBytes || len(s.session.subs) > max(s.set.MaxChannels, 2) {
				t.Fatal("over its bounds")
			}
		}
		s.step(Gone{})
		if n := s.hub.Keys(); n != 0 {
			t.Fatalf("%d keys are left", n)
		}
	})
}

// unfit are lines that say nothing about the session: the stage itself cannot
// do what they ask, or not in a moment.
func unfit(line string) bool {
	f := strings.Fields(line)
	if len(f) == 0 {
		return true
	}
	needs := map[string]int{
		"emulate": 3, "publish": 3, "append": 3, "hide": 3, "evict": 3, "drop": 2, "remove": 2, "deny": 3, "allow": 2, "revoke": 2,
		"ephemeral": 3, "answer": 3, "wait": 2, "kick": 2, "reads": 2, "auth": 2, "limit": 3,
		"terms": 3, "keep": 3, "live": 3, "enter": 4, "exit": 4, "admission": 2, "forget": 2, "dropped": 2,
	}
	if len(f) < needs[f[0]] {
		return true
	}
	switch f[0] {
	case "publish", "append", "limit":
		return len(f[2]) > 3 || strings.HasPrefix(f[2], "-") || f[2] == "0"
	case "hide", "evict", "kick":
		return true // a replica behind its own events, and codes of others, are not what sessions are for
	case "keep":
		return len(f[1]) > 3 || strings.HasPrefix(f[1], "-") || strings.HasPrefix(f[2], "-")
	case "terms":
		var terms evenkeel.Terms
		err := json.Unmarshal([]byte(strings.Join(f[2:], " ")), &terms)
		return err != nil || len(terms.Info) > 0 && !json.Valid(terms.Info)
	case "live", "ephemeral":
		return !json.Valid([]byte(f[2])) // the backend's own business
	case "answer":
		return f[2][0] == '{' && !json.Valid([]byte(f[2])) // likewise
	case "wait":
		d, err := time.ParseDuration(f[1])
		return err != nil || d < 0 || d > time.Hour
	}
	return false
}
