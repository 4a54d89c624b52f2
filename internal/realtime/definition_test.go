package realtime

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

// definition returns the protocol's messages, from testdata/client.protocol.
var definition = sync.OnceValues(func() (protoreflect.FileDescriptor, error) { //state: read once
	text, err := os.ReadFile("testdata/client.protocol")
	if err != nil {
		return nil, err
	}
	file := &descriptorpb.FileDescriptorProto{
		Name: proto.String("client"), Package: proto.String("client"), Syntax: proto.String("proto3"),
	}
	var m *descriptorpb.DescriptorProto
	for _, line := range strings.Split(string(text), "\n") {
		f := strings.Fields(line)
		switch {
		case len(f) == 0 || f[0] == "#":
		case f[0] == "message":
			m = &descriptorpb.DescriptorProto{Name: proto.String(f[1])}
			file.MessageType = append(file.MessageType, m)
		default:
			number, err := strconv.ParseInt(f[0], 10, 32)
			if err != nil {
				return nil, fmt.Errorf("%q: %w", line, err)
			}
			addField(m, f[1], int32(number), f[2:])
		}
	}
	return protodesc.NewFile(file, nil)
})

// addField adds a field of a type to a message: of a scalar or a message, or a
// "list" of messages or a "map" from strings.
func addField(m *descriptorpb.DescriptorProto, name string, number int32, typ []string) {
	f := &descriptorpb.FieldDescriptorProto{
		Name: &name, Number: &number, Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(),
	}
	m.Field = append(m.Field, f)
	switch typ[0] {
	case "list":
		f.Label = descriptorpb.FieldDescriptorProto_LABEL_REPEATED.Enum()
		typ = typ[1:]
	case "map":
		entry := &descriptorpb.DescriptorProto{
			Name:    proto.String(strings.ToUpper(name[:1]) + name[1:] + "Entry"),
			Options: &descriptorpb.MessageOptions{MapEntry: proto.Bool(true)},
		}
		addField(entry, "key", 1, []string{"string"})
		addField(entry, "value", 2, typ[1:])
		m.NestedType = append(m.NestedType, entry)
		f.Label = descriptorpb.FieldDescriptorProto_LABEL_REPEATED.Enum()
		typ = []string{m.GetName() + "." + entry.GetName()}
	}
	if scalar, ok := descriptorpb.FieldDescriptorProto_Type_value["TYPE_"+strings.ToUpper(typ[0])]; ok && typ[0] != "Message" {
		f.Type = descriptorpb.FieldDescriptorProto_Type(scalar).Enum()
		return
	}
	f.Type = descriptorpb.FieldDescriptorProto_TYPE_MESSAGE.Enum()
	f.TypeName = proto.String(".client." + typ[0])
}

func newMessage(t testing.TB, name string) *dynamicpb.Message {
	file, err := definition()
	if err != nil {
		t.Fatal(err)
	}
	d := file.Messages().ByName(protoreflect.Name(name))
	if d == nil {
		t.Fatalf("the protocol has no message %s", name)
	}
	return dynamicpb.NewMessage(d)
}

// toProtobuf turns a client's frames in JSON into a message in Protobuf.
func toProtobuf(t testing.TB, frames ...string) ([]byte, error) {
	var message []byte
	for _, frame := range frames {
		m := newMessage(t, "Command")
		if err := fill(m, json.RawMessage(frame)); err != nil {
			return nil, err
		}
		body, err := proto.Marshal(m)
		if err != nil {
			return nil, err
		}
		message = protowire.AppendBytes(message, body)
	}
	return message, nil
}

// fill sets the fields of a message from its JSON form, in which payloads
// stand as they are.
func fill(m protoreflect.Message, text json.RawMessage) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(text, &fields); err != nil {
		return err
	}
	for name, value := range fields { //order: fields of a message
		f := m.Descriptor().Fields().ByName(protoreflect.Name(name))
		if f == nil || string(value) == "null" {
			continue // as every reader of the protocol does
		}
		switch {
		case f.IsMap():
			var entries map[string]json.RawMessage
			if err := json.Unmarshal(value, &entries); err != nil {
				return err
			}
			for key, text := range entries { //order: entries of a map
				to := m.Mutable(f).Map()
				v, err := valueOf(f.MapValue(), to.NewValue(), text)
				if err != nil {
					return err
				}
				to.Set(protoreflect.ValueOfString(key).MapKey(), v)
			}
		case f.Kind() == protoreflect.MessageKind:
			if err := fill(m.Mutable(f).Message(), value); err != nil {
				return err
			}
		default:
			v, err := valueOf(f, protoreflect.Value{}, value)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			m.Set(f, v)
		}
	}
	return nil
}

// valueOf returns the value of a field; v is a new one of its type.
func valueOf(f protoreflect.FieldDescriptor, v protoreflect.Value, text json.RawMessage) (protoreflect.Value, error) {
	if f.Kind() == protoreflect.MessageKind {
		return v, fill(v.Message(), text)
	}
	return scalar(f.Kind(), text)
}

func scalar(kind protoreflect.Kind, text json.RawMessage) (v protoreflect.Value, err error) {
	switch kind {
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes(text), nil
	case protoreflect.StringKind:
		var s string
		err = json.Unmarshal(text, &s)
		return protoreflect.ValueOfString(s), err
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(string(text) == "true"), nil
	case protoreflect.Uint32Kind:
		n, err := strconv.ParseUint(string(text), 10, 32)
		return protoreflect.ValueOfUint32(uint32(n)), err
	case protoreflect.Uint64Kind:
		n, err := strconv.ParseUint(string(text), 10, 64)
		return protoreflect.ValueOfUint64(n), err
	case protoreflect.Int32Kind:
		n, err := strconv.ParseInt(string(text), 10, 32)
		return protoreflect.ValueOfInt32(int32(n)), err
	case protoreflect.Int64Kind:
		n, err := strconv.ParseInt(string(text), 10, 64)
		return protoreflect.ValueOfInt64(n), err
	default:
		return v, fmt.Errorf("a field is a %v", kind)
	}
}

// fromProtobuf turns a message of the server in Protobuf into frames as
// plain does.
func fromProtobuf(t testing.TB, message []byte) (frames []any) {
	for len(message) > 0 {
		body, n := protowire.ConsumeBytes(message)
		if n < 0 {
			t.Fatalf("no frame: %x", message)
		}
		message = message[n:]
		m := newMessage(t, "Reply")
		if err := proto.Unmarshal(body, m); err != nil {
			t.Fatalf("%x: %v", body, err)
		}
		frames = append(frames, show(t, m))
	}
	return frames
}

// show returns a message as encoding/json would decode its JSON form.
func show(t testing.TB, m protoreflect.Message) map[string]any {
	if unknown := m.GetUnknown(); len(unknown) > 0 {
		t.Fatalf("%s has fields that the protocol does not: %x", m.Descriptor().Name(), unknown)
	}
	fields := map[string]any{}
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		name := string(f.Name())
		switch {
		case f.IsMap():
			entries := map[string]any{}
			v.Map().Range(func(key protoreflect.MapKey, v protoreflect.Value) bool {
				entries[key.String()] = show(t, v.Message())
				return true
			})
			fields[name] = entries
		case f.IsList():
			var list []any
			for i := range v.List().Len() {
				list = append(list, show(t, v.List().Get(i).Message()))
			}
			fields[name] = list
		case f.Kind() == protoreflect.MessageKind:
			fields[name] = show(t, v.Message())
		case f.Kind() == protoreflect.BytesKind:
			fields[name] = parse(t, v.Bytes())
		case f.Kind() == protoreflect.StringKind, f.Kind() == protoreflect.BoolKind:
			fields[name] = v.Interface()
		default:
			fields[name] = json.Number(fmt.Sprint(v.Interface()))
		}
		return true
	})
	return fields
}

func parse(t testing.TB, text []byte) (v any) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%q is no JSON: %v", text, err)
	}
	return v
}

// plain returns a frame in JSON without what Protobuf leaves out: zero
// values, but for those in payloads.
func plain(t testing.TB, frame string) any {
	m := parse(t, []byte(frame))
	dropZero(m)
	return m
}

func dropZero(v any) {
	fields, ok := v.(map[string]any)
	if !ok {
		return
	}
	for name, value := range fields { //order: each by itself
		switch value := value.(type) {
		case string:
			if value == "" {
				delete(fields, name)
			}
		case json.Number:
			if value == "0" {
				delete(fields, name)
			}
		case []any:
			if len(value) == 0 {
				delete(fields, name)
			}
			for _, element := range value {
				dropZero(element)
			}
		case map[string]any:
			if name != "data" {
				dropZero(value)
			}
		}
	}
}
