//evenkeel:pure

package edge

import (
	"bytes"
	"encoding/json"
	"strconv"
	"unicode/utf8"

	"github.com/evenkeel/evenkeel"
)

// Bounds of what callers send, beside those that the desk keeps. They make sure
// that whatever passes here fits into a command.
const (
	maxBodyBytes = 256 << 10
	// Whoever has no token yet has little to say: many of them hold little
	// memory.
	maxStrangerBytes = 32 << 10
	maxTextRunes     = 10000
	maxNameRunes     = 200 // subjects, names, reasons
	maxEmailRunes    = 320
	maxURLRunes      = 1000
	maxIDBytes       = 128
	maxTags          = 50
	maxTagRunes      = 64
	maxDocument      = 16 << 10 // bytes of attributes
	maxNesting       = 32       // of attributes
	maxListMembers   = 256      // skills, memberships, origins
)

// tooLong refuses a text of more than so many characters.
func tooLong(field, text string, most int) *evenkeel.Error {
	if len(text) <= most || utf8.RuneCountInString(text) <= most {
		return nil
	}
	return &evenkeel.Error{
		Code: evenkeel.CodeTooLarge, Field: field,
		Detail: "the field " + field + " may have " + strconv.Itoa(most) + " characters at most",
	}
}

// checkID refuses what cannot be the name of an object.
func checkID(field, id string) *evenkeel.Error {
	if id == "" {
		return badField(field, "is missing")
	}
	return checkOptionalID(field, id)
}

func checkOptionalID(field, id string) *evenkeel.Error {
	if len(id) > maxIDBytes {
		return badField(field, "has more than %d bytes", maxIDBytes)
	}
	if !utf8.ValidString(id) { // from an address, where any byte may stand
		return badField(field, "is not UTF-8")
	}
	for i := range len(id) {
		if id[i] <= ' ' || id[i] == 0x7f {
			return badField(field, "holds a space or a control character")
		}
	}
	return nil
}

// checkNewID is stricter: ids of queues, agents and keys stand in addresses,
// channel names and logs.
func checkNewID(field, id string) *evenkeel.Error {
	if id == "" || len(id) > 64 {
		return badField(field, "must have 1 to 64 characters")
	}
	for i := range len(id) {
		c := id[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && (i == 0 || c != '-' && c != '_' && c != '.') {
			return badField(field, "may hold letters, digits, '-', '_' and '.', and begins with a letter or digit")
		}
	}
	return nil
}

// checkDocument wants a JSON object of bounded size and depth, and returns it
// without blanks.
func checkDocument(field string, raw json.RawMessage) (json.RawMessage, *evenkeel.Error) {
	if len(raw) == 0 {
		return nil, nil
	}
	var b bytes.Buffer
	if err := json.Compact(&b, raw); err != nil || b.Len() == 0 || b.Bytes()[0] != '{' {
		return nil, badField(field, "must be an object")
	}
	if b.Len() > maxDocument {
		return nil, &evenkeel.Error{
			Code: evenkeel.CodeTooLarge, Field: field,
			Detail: "the field " + field + " may have " + strconv.Itoa(maxDocument) + " bytes at most",
		}
	}
	if nesting(b.Bytes()) > maxNesting {
		return nil, badField(field, "is nested more than %d deep", maxNesting)
	}
	return b.Bytes(), nil
}

// nesting returns the depth of a valid JSON text.
func nesting(b []byte) int {
	deepest, depth, quoted := 0, 0, false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
			deepest = max(deepest, depth)
		case c == '}' || c == ']':
			depth--
		}
	}
	return deepest
}

func checkTags(field string, tags []string) *evenkeel.Error {
	if len(tags) > maxTags {
		return badField(field, "holds more than %d tags", maxTags)
	}
	for i, tag := range tags {
		at := field + "[" + strconv.Itoa(i) + "]"
		if tag == "" {
			return badField(at, "is empty")
		}
		if err := tooLong(at, tag, maxTagRunes); err != nil {
			return err
		}
	}
	return nil
}

// firstError returns the first that is not nil.
func firstError(errs ...*evenkeel.Error) *evenkeel.Error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func checkSkills(skills evenkeel.Skills) *evenkeel.Error {
	if len(skills) > maxListMembers {
		return badField("skills", "holds more than %d skills", maxListMembers)
	}
	for _, s := range skills {
		if err := tooLong("skills", s.Name, maxNameRunes); err != nil {
			return err
		}
		if s.Name == "" || s.Level < 1 {
			return badField("skills."+s.Name, "must be a name with a level from 1")
		}
	}
	return nil
}
