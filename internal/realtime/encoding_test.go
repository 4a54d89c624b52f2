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

	"google.golang.org/protobuf/encoding/protowire"
)

// complete gives every field below v a value, each another where it can.
func complete(v reflect.Value, n *int) {
	*n++
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		complete(v.Elem(), n)
	case reflect.Struct:
		for i := range v.NumField() {
			complete(v.Field(i), n)
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes(fmt.Appendf(nil, `{"payload":%d}`, *n))
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		complete(v.Index(0), n)
		complete(v.Index(1), n)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range 2 {
			key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			complete(key, n)
			complete(value, n)
			v.SetMapIndex(key, value)
		}
	case reflect.String:
		v.SetString(strings.Repeat("ä", 70) + fmt.Sprint(*n)) // its length takes two bytes
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int32, reflect.Int64:
		v.SetInt(-int64(*n))
	case reflect.Uint32, reflect.Uint64:
		v.SetUint(uint64(*n) << 12)
	default:
		panic(v.Type().String())
	}
}

// TestCommandsInBothEncodings: every field of a client's frame is read from
// JSON and from Protobuf alike.
func TestCommandsInBothEncodings(t *testing.T) {
	var want, fromJSON, fromBinary wireCommand
	n := 0
	complete(reflect.ValueOf(&want).Elem(), &n)
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &fromJSON); err != nil || !reflect.DeepEqual(fromJSON, want) {
		t.Errorf("%v: JSON became\n%+v, want\n%+v", err, fromJSON, want)
	}
	binary, err := toProtobuf(t, string(text))
	if err != nil {
		t.Fatal(err)
	}
	body, _ := protowire.ConsumeBytes(binary)
	if err := decodeFields(body, &fromBinary); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(fromBinary, want) {
		t.Errorf("Protobuf became\n%+v, want\n%+v", fromBinary, want)
	}
}

// TestRepliesInBothEncodings: every field of a reply and of a push is written
// in JSON and in Protobuf, and means the same there.
func TestRepliesInBothEncodings(t *testing.T) {
	eachKind(Reply{ID: 7}, func(r *Reply) string {
		return sameInBoth(t, func(enc Encoding) []byte { return enc.AppendReply(nil, r) })
	}, t)
	eachKind(Push{Channel: "c"}, func(p *Push) string {
		return sameInBoth(t, func(enc Encoding) []byte { return enc.AppendPush(nil, p) })
	}, t)
}

// eachKind completes each kind of a frame in turn, and looks whether each of
// its fields shows.
func eachKind[T any](frame T, write func(*T) string, t *testing.T) {
	bare := write(&frame)
	for i := range reflect.TypeFor[T]().NumField() {
		one := frame
		field := reflect.ValueOf(&one).Elem().Field(i)
		if field.Kind() != reflect.Pointer && field.Kind() != reflect.Bool {
			continue // it is in all frames
		}
		n := 0
		complete(field, &n)
		name := reflect.TypeFor[T]().Field(i).Name
		whole := write(&one)
		if whole == bare {
			t.Errorf("%s is not written", name)
		}
		eachLeaf(field, name, func(name string, leaf reflect.Value) {
			was := reflect.New(leaf.Type()).Elem()
			was.Set(leaf)
			leaf.SetZero()
			if write(&one) == whole {
				t.Errorf("%s is not written", name)
			}
			leaf.Set(was)
		})
	}
}

func eachLeaf(v reflect.Value, name string, visit func(name string, leaf reflect.Value)) {
	switch {
	case v.Kind() == reflect.Pointer:
		eachLeaf(v.Elem(), name, visit)
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			eachLeaf(v.Field(i), name+"."+v.Type().Field(i).Name, visit)
		}
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Struct:
		for i := range v.Len() {
			eachLeaf(v.Index(i), fmt.Sprintf("%s[%d]", name, i), visit)
		}
	default:
		visit(name, v)
	}
}

// sameInBoth returns a frame in JSON, after a look at its other form.
func sameInBoth(t *testing.T, write func(Encoding) []byte) string {
	text := string(write(JSON()))
	binary := fromProtobuf(t, write(Protobuf()))
	if !strings.Contains(text, `"data":,`) && len(binary) == 1 && !reflect.DeepEqual(binary[0], plain(t, text)) {
		t.Errorf("%s is\n%v in Protobuf", text, binary[0])
	}
	return text
}

// TestTranscriptsInProtobuf plays the same dialogues in the other encoding: the
// client hears the same.
func TestTranscriptsInProtobuf(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txt")
		if strings.HasPrefix(name, "malformed") || strings.HasSuffix(name, "slow") {
			continue // about the form of JSON, and about its length
		}
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			s := newStageIn(Protobuf(), DefaultSettings())
			s.encode = func(frames []string) ([]byte, error) { return toProtobuf(t, frames...) }
			s.decode = func(message []byte) (frames []string) {
				for _, f := range fromProtobuf(t, message) {
					text, err := json.Marshal(f)
					if err != nil {
						t.Fatal(err)
					}
					frames = append(frames, string(text))
				}
				return frames
			}
			if want, got := inOneForm(t, string(text)), inOneForm(t, playTranscript(t, s, string(text))); got != want {
				t.Errorf("%s went otherwise:\n%s", file, difference(want, got))
			}
		})
	}
}

// inOneForm rewrites the frames of a transcript so that they can be compared.
func inOneForm(t *testing.T, text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if frame, ok := strings.CutPrefix(line, "< "); ok {
			sorted, err := json.Marshal(plain(t, frame))
			if err != nil {
				t.Fatal(err)
			}
			lines[i] = "< " + string(sorted)
		}
	}
	return strings.Join(lines, "\n")
}

// TestFramesWithLength: whatever the size, a frame's length stands before it.
func TestFramesWithLength(t *testing.T) {
	for _, size := range []int{0, 1, 100, 127, 128, 16383, 16384, 1 << 21} {
		data := bytes.Repeat([]byte{'1'}, size)
		frame := Protobuf().AppendPush([]byte("before"), &Push{Channel: "c", Publication: &Item{Offset: 3, Data: data}})
		got := fromProtobuf(t, frame[len("before"):])
		want := map[string]any{"channel": "c", "pub": map[string]any{"offset": json.Number("3")}}
		if size > 0 {
			want["pub"].(map[string]any)["data"] = json.Number(data)
		}
		if len(got) != 1 || !reflect.DeepEqual(got[0], map[string]any{"push": want}) {
			t.Errorf("%d bytes of data do not come back", size)
		}
	}
}
