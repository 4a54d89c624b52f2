//evenkeel:pure

package edge

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/jsonscan"
)

// shape is a struct type as JSON objects are read into it: strictly. A field
// that it does not know, one that is there twice, or a value that does not fit
// is refused, with the field named by its path ("queues[1].level"). Names are
// compared exactly. null counts as absent.
//
// encoding/json alone can do none of this but refuse unknown fields: it names
// no path, ignores case and takes the last of two equal names.
type shape struct {
	fields map[string]shapeField
}

type shapeField struct {
	name    string
	ordinal int
	index   []int  // as reflect.Value.FieldByIndex wants it
	inner   *shape // of the struct, of what a pointer points to, or of the elements of a slice
	list    bool   // a slice of structs
	text    bool   // a plain string
}

// shapeFor returns the shape of the struct type T.
func shapeFor[T any]() *shape { return shapeOf(reflect.TypeFor[T]()) }

func shapeOf(t reflect.Type) *shape {
	s := &shape{fields: map[string]shapeField{}}
	s.add(t, nil)
	return s
}

func (s *shape) add(t reflect.Type, index []int) {
	for i := range t.NumField() {
		f := t.Field(i)
		at := append(append([]int(nil), index...), i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			s.add(f.Type, at)
		case name != "" && name != "-" && f.IsExported():
			field := shapeField{name: name, ordinal: len(s.fields), index: at, text: f.Type == reflect.TypeFor[string]()}
			inner := f.Type
			if inner.Kind() == reflect.Pointer {
				inner = inner.Elem()
			}
			if inner.Kind() == reflect.Slice && !ownForm(inner) && plainStruct(inner.Elem()) {
				field.list, inner = true, inner.Elem()
			}
			if plainStruct(inner) {
				field.inner = shapeOf(inner)
			}
			s.fields[name] = field
		}
	}
}

// plainStruct tells whether a type is a struct that has no JSON form of its
// own.
func plainStruct(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && !ownForm(t)
}

func ownForm(t reflect.Type) bool {
	return reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]())
}

// decode reads one JSON object into the struct that dst points to. What is
// absent keeps its value.
func (s *shape) decode(b []byte, dst any) *evenkeel.Error {
	if len(bytes.TrimLeft(b, " \t\r\n")) == 0 {
		return nil // an empty body is an object without fields
	}
	if !jsonscan.Valid(b) {
		return evenkeel.Errorf(evenkeel.CodeBadRequest, "this is not a JSON text: %s", whatIsWrong(b))
	}
	if !utf8.Valid(b) {
		// What is kept as it came, such as attributes, would reach others in a
		// WebSocket's text, and browsers end a connection over such bytes.
		return evenkeel.Errorf(evenkeel.CodeBadRequest, "this is not a JSON text: it is not UTF-8")
	}
	return s.object(b, reflect.ValueOf(dst).Elem(), "")
}

// object reads an object that is known to be valid JSON.
func (s *shape) object(b []byte, v reflect.Value, path string) *evenkeel.Error {
	i := jsonscan.Space(b, 0)
	if b[i] != '{' {
		return badField(path, "must be an object")
	}
	seen := make([]bool, len(s.fields))
	for i++; ; {
		for i = jsonscan.Space(b, i); b[i] == ','; {
			i = jsonscan.Space(b, i+1)
		}
		if b[i] == '}' {
			return nil
		}
		end := jsonscan.String(b, i)
		field, known := s.fields[string(b[i+1:end-1])]
		if !known { // as it stands there; it may be written with escapes
			name := unquote(b[i:end])
			if field, known = s.fields[name]; !known {
				return badField(join(path, name), "is unknown here")
			}
		}
		if seen[field.ordinal] {
			return badField(join(path, field.name), "is there twice")
		}
		seen[field.ordinal] = true
		i = jsonscan.Space(b, end)
		i = jsonscan.Space(b, i+1) // the colon
		end = valueEnd(b, i)
		raw := b[i:end]
		i = end
		if string(raw) == "null" {
			continue
		}
		if err := field.read(raw, v.FieldByIndex(field.index), path); err != nil {
			return err
		}
	}
}

// valueEnd returns where the value that begins at i ends, in text that is known to
// be valid JSON, however deep it is.
func valueEnd(b []byte, i int) int {
	depth := 0
	for i < len(b) {
		switch b[i] {
		case '"':
			i = jsonscan.String(b, i)
			if depth == 0 {
				return i
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i // of the object around a number or a word
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case ',', ' ', '\t', '\r', '\n':
			if depth == 0 {
				return i
			}
		}
		i++
	}
	return i
}

// unquote returns what a JSON string says.
func unquote(raw []byte) string {
	text := raw[1 : len(raw)-1]
	if bytes.IndexByte(text, '\\') < 0 && utf8.Valid(text) {
		return string(text)
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return "" // not of valid JSON
	}
	return s
}

// read reads the field's value; path is of the object that has the field.
func (f *shapeField) read(raw []byte, v reflect.Value, path string) *evenkeel.Error {
	if f.text && raw[0] == '"' {
		v.SetString(unquote(raw))
		return nil
	}
	at := join(path, f.name)
	switch {
	case f.list:
		var items []json.RawMessage
		if err := json.Unmarshal(raw, &items); err != nil {
			return badField(at, "must be a list")
		}
		v.Set(reflect.MakeSlice(v.Type(), len(items), len(items)))
		for i, item := range items {
			if err := f.inner.object(item, v.Index(i), at+"["+strconv.Itoa(i)+"]"); err != nil {
				return err
			}
		}
		return nil
	case f.inner != nil && v.Kind() == reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		return f.inner.object(raw, v.Elem(), at)
	case f.inner != nil:
		return f.inner.object(raw, v, at)
	default:
		if v.Kind() == reflect.Slice {
			v.SetZero() // a default list is replaced, not filled up
		}
		if err := json.Unmarshal(raw, v.Addr().Interface()); err != nil {
			return badField(at, "%s", unfit(err))
		}
		return nil
	}
}

// unfit says what is wrong with a value in the words of JSON, not of Go.
func unfit(err error) string {
	var kind *json.UnmarshalTypeError
	if !errors.As(err, &kind) {
		return err.Error()
	}
	switch kind.Type.Kind() {
	case reflect.Bool:
		return "must be true or false"
	case reflect.String:
		return "must be a string"
	case reflect.Slice, reflect.Array:
		return "must be a list"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return "must be a whole number"
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "must be a whole number and not negative"
	default:
		return "must be an object"
	}
}

// whatIsWrong finds the first syntax error.
func whatIsWrong(b []byte) string {
	var raw json.RawMessage
	err := json.Unmarshal(b, &raw)
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &syntax):
		return syntax.Error() + " (byte " + strconv.FormatInt(syntax.Offset, 10) + ")"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "it ends too early"
	default:
		return "it is not complete"
	}
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// maxPath bounds what an error repeats of a caller's own names, in bytes.
const maxPath = 128

func badField(path, format string, args ...any) *evenkeel.Error {
	if len(path) > maxPath {
		path = strings.ToValidUTF8(path[:maxPath], "") + "..."
	}
	err := evenkeel.FieldErrorf(path, format, args...)
	if path == "" {
		err.Detail = "the body " + err.Detail
	} else {
		err.Detail = "the field " + path + ": " + err.Detail
	}
	return err
}
