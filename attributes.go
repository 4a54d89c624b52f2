package evenkeel

import (
	"encoding/json"
	"strings"
)

// Attribute returns a value of a document of attributes as text: path names it,
// with dots between the names of nested objects ("address.city"). What is not
// there, and what is a list or an object itself, is the empty text.
func Attribute(doc json.RawMessage, path string) string {
	for {
		name, rest, nested := strings.Cut(path, ".")
		var fields map[string]json.RawMessage
		if len(doc) == 0 || json.Unmarshal(doc, &fields) != nil {
			return ""
		}
		value := fields[name]
		if nested {
			doc, path = value, rest
			continue
		}
		return attributeText(value)
	}
}

func attributeText(value json.RawMessage) string {
	if len(value) == 0 {
		return ""
	}
	switch value[0] {
	case '"':
		var s string
		if json.Unmarshal(value, &s) != nil {
			return ""
		}
		return s
	case '{', '[', 'n':
		return ""
	default:
		return string(value) // a number as it was written, true or false
	}
}
