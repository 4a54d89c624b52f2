//evenkeel:pure

package edge

import (
	"encoding"
	"encoding/json"
	"reflect"
	"strings"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/levels"
)

// schemas turns Go types into the JSON schemas of the API's description
// (OpenAPI 3.1, so JSON Schema 2020-12). A struct becomes a component, once as
// it is sent and once as it is answered: what is asked for is read strictly and
// may be left out, what is answered may grow and is there unless it is empty.
type schemas struct {
	components map[string]any
	texts      map[string]string // what each field means: "Type.field", or "*.field"
	used       map[string]bool   // the texts that described something
	lacking    func(key string)  // nil, or told of what no text is about
}

func newSchemas(texts map[string]string) *schemas {
	return &schemas{components: map[string]any{}, texts: texts, used: map[string]bool{}}
}

type object = map[string]any

func ref(name string) object { return object{"$ref": "#/components/schemas/" + name} }

// anyChat stands for a chat in the caller's view.
type anyChat struct{}

// anyMissed stands for a missed item in the caller's view.
type anyMissed struct{}

// talk stands for what a transcript holds: a message or, to staff, a note.
type talk struct{}

// of returns the schema of a type.
func (s *schemas) of(t reflect.Type, asked bool) object {
	switch t {
	case reflect.TypeFor[anyChat]():
		return object{"anyOf": []any{s.of(reflect.TypeFor[evenkeel.Chat](), asked), s.of(reflect.TypeFor[evenkeel.CustomerChat](), asked)}}
	case reflect.TypeFor[anyMissed]():
		return object{"anyOf": []any{s.of(reflect.TypeFor[evenkeel.Missed](), asked), s.of(reflect.TypeFor[evenkeel.MissedReceipt](), asked)}}
	case reflect.TypeFor[talk]():
		return object{"anyOf": []any{s.of(reflect.TypeFor[evenkeel.Message](), asked), s.of(reflect.TypeFor[evenkeel.Note](), asked)}}
	case reflect.TypeFor[evenkeel.Time]():
		return object{"type": "string", "format": "date-time"}
	case reflect.TypeFor[evenkeel.Duration]():
		return object{"type": "number", "description": "Seconds."}
	case reflect.TypeFor[levels.Figure]():
		return object{"type": []string{"number", "null"}}
	case reflect.TypeFor[evenkeel.Skills]():
		return object{"type": "object", "additionalProperties": object{"type": "integer", "minimum": 1}}
	case reflect.TypeFor[json.RawMessage]():
		return object{"type": "object"}
	case reflect.TypeFor[evenkeel.Code]():
		return object{"type": "string", "enum": codeNames()}
	}
	if names := enumNames(t); names != nil {
		return object{"type": "string", "enum": names}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return s.of(t.Elem(), asked)
	case reflect.Slice, reflect.Array:
		return object{"type": "array", "items": s.of(t.Elem(), asked)}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": s.of(t.Elem(), asked)}
	case reflect.Struct:
		return s.component(t, asked)
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Float32, reflect.Float64:
		return object{"type": "number"}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return object{"type": "integer", "format": "int64"}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return object{"type": "integer", "format": "int64", "minimum": 0}
	case reflect.String:
		return object{"type": "string"}
	default:
		return object{}
	}
}

// component returns the schema of a struct: by its name, if it has one.
func (s *schemas) component(t reflect.Type, asked bool) object {
	name := t.Name()
	if name == "" || strings.Contains(name, "[") {
		return s.fields(t, asked, nil)
	}
	name = strings.ToUpper(name[:1]) + name[1:]
	if asked && !strings.HasSuffix(name, "Body") && !strings.HasSuffix(name, "Params") {
		name += "Body"
	}
	if _, known := s.components[name]; !known {
		s.components[name] = nil // a type that holds itself ends here
		s.components[name] = s.fields(t, asked, nil)
	}
	return ref(name)
}

// fields returns the schema of an object with the fields of a struct. needed
// are the names of those that a caller must give.
func (s *schemas) fields(t reflect.Type, asked bool, needed []string) object {
	properties, required := object{}, append([]string{}, needed...)
	s.collect(t, asked, properties, &required)
	o := object{"type": "object", "properties": properties}
	if len(required) > 0 {
		o["required"] = required
	}
	if asked {
		o["additionalProperties"] = false
	}
	return o
}

func (s *schemas) collect(t reflect.Type, asked bool, properties object, required *[]string) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			s.collect(f.Type, asked, properties, required)
		case name == "" || name == "-" || !f.IsExported():
		default:
			p := s.of(f.Type, asked)
			sparing := strings.Contains(options, "omitempty") || strings.Contains(options, "omitzero")
			if !asked && !sparing {
				*required = append(*required, name)
				if f.Type.Kind() == reflect.Pointer {
					p = nullable(p)
				}
			}
			if text := s.text(t, name); text != "" {
				unit, _ := p["description"].(string)
				p["description"] = strings.TrimSpace(text + " " + unit)
			}
			properties[name] = p
		}
	}
}

func nullable(p object) object {
	if kind, ok := p["type"].(string); ok {
		p["type"] = []string{kind, "null"}
		return p
	}
	return object{"anyOf": []any{p, object{"type": "null"}}}
}

// text finds what a field means.
func (s *schemas) text(t reflect.Type, field string) string {
	owner, _, _ := strings.Cut(t.Name(), "[")
	if owner != "" {
		owner = strings.ToUpper(owner[:1]) + owner[1:]
	}
	if t == reflect.TypeFor[evenkeel.CustomerChat]() {
		owner = "Chat" // a part of one
	}
	for _, key := range []string{owner + "." + field, "*." + field[strings.LastIndex(field, ".")+1:]} {
		if text, ok := s.texts[key]; ok {
			s.used[key] = true
			return text
		}
	}
	if s.lacking != nil {
		s.lacking(owner + "." + field)
	}
	return ""
}

// enumNames lists the names of a type whose values are counted and named; nil
// for any other. The first one is left out if it stands for "none".
func enumNames(t reflect.Type) []string {
	if t.Kind() != reflect.Uint8 || !t.Implements(reflect.TypeFor[encoding.TextMarshaler]()) {
		return nil
	}
	var names []string
	for i := range 256 {
		v := reflect.New(t).Elem()
		v.SetUint(uint64(i))
		m, ok := v.Interface().(encoding.TextMarshaler)
		if !ok {
			return nil
		}
		text, err := m.MarshalText()
		if err != nil || strings.HasPrefix(string(text), "unknown") {
			break
		}
		if string(text) != "none" || t == reflect.TypeFor[evenkeel.PublishRule]() { // where it is a choice
			names = append(names, string(text))
		}
	}
	return names
}

func codeNames() []string {
	names := make([]string, 0, len(evenkeel.Codes()))
	for _, info := range evenkeel.Codes() {
		names = append(names, string(info.Code))
	}
	return names
}

// parseTexts reads lines of "key  text"; a line that begins with a blank goes on
// with the text before, and one with # is a remark.
func parseTexts(b string) map[string]string {
	texts := map[string]string{}
	last := ""
	for line := range strings.Lines(b) {
		line = strings.TrimRight(line, "\r\n")
		switch {
		case line == "" || line[0] == '#':
		case line[0] == ' ':
			texts[last] += " " + strings.TrimSpace(line)
		default:
			key, text, _ := strings.Cut(line, " ")
			texts[key], last = strings.TrimSpace(text), key
		}
	}
	return texts
}
