// Package jsonscan finds where JSON values end, and whether they are values at
// all, in one pass without memory of its own. It does for what arrives most what
// encoding/json does for everything, in a third of the time:
//
//	end := jsonscan.End(b, i) // of the value that begins at i, or Unsure
//
// It never takes for valid what encoding/json refuses. What is nested deeply it
// leaves to encoding/json.
package jsonscan

import (
	"bytes"
	"encoding/json"
)

// Unsure is returned for what is no JSON value, or is nested deeper than
// maxDepth.
const Unsure = -1

const maxDepth = 64

// Valid tells whether b is one JSON text, exactly as json.Valid does.
func Valid(b []byte) bool {
	if end := End(b, Space(b, 0)); end != Unsure && Space(b, end) == len(b) {
		return true
	}
	return json.Valid(b)
}

// Space returns where the blanks that begin at i end.
func Space(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\t' || b[i] == '\r' || b[i] == '\n') {
		i++
	}
	return i
}

// End returns where the value that begins at i ends, or Unsure.
func End(b []byte, i int) int { return value(b, i, maxDepth) }

func value(b []byte, i, depth int) int {
	if i >= len(b) || depth == 0 {
		return Unsure
	}
	switch c := b[i]; {
	case c == '"':
		return String(b, i)
	case c == '{':
		return members(b, i+1, '}', depth-1)
	case c == '[':
		return members(b, i+1, ']', depth-1)
	case c == '-' || c >= '0' && c <= '9':
		return number(b, i)
	case c == 't':
		return word(b, i, "true")
	case c == 'f':
		return word(b, i, "false")
	case c == 'n':
		return word(b, i, "null")
	}
	return Unsure
}

// members goes through an object or an array, whose bracket was before i.
func members(b []byte, i int, closing byte, depth int) int {
	if i = Space(b, i); i < len(b) && b[i] == closing {
		return i + 1
	}
	for {
		if closing == '}' {
			if i = Name(b, i); i == Unsure {
				return Unsure
			}
		}
		if i = value(b, i, depth); i == Unsure {
			return Unsure
		}
		switch i = Space(b, i); {
		case i >= len(b):
			return Unsure
		case b[i] == closing:
			return i + 1
		case b[i] != ',':
			return Unsure
		}
		i = Space(b, i+1)
	}
}

// Name returns where the value of the member begins whose name begins at i, or
// Unsure.
func Name(b []byte, i int) int {
	if i = String(b, i); i == Unsure {
		return Unsure
	}
	if i = Space(b, i); i >= len(b) || b[i] != ':' {
		return Unsure
	}
	return Space(b, i+1)
}

// String returns where the string that begins at i ends, or Unsure.
func String(b []byte, i int) int {
	if i >= len(b) || b[i] != '"' {
		return Unsure
	}
	for i++; ; i++ {
		for i < len(b) && b[i] >= ' ' && b[i] != '"' && b[i] != '\\' {
			i++
		}
		switch {
		case i >= len(b) || b[i] < ' ':
			return Unsure
		case b[i] == '"':
			return i + 1
		}
		if i = escape(b, i+1); i == Unsure {
			return Unsure
		}
	}
}

// escape returns the last byte of what stands behind a backslash.
func escape(b []byte, i int) int {
	switch {
	case i >= len(b):
		return Unsure
	case b[i] != 'u':
		if bytes.IndexByte([]byte(`"\/bfnrt`), b[i]) < 0 {
			return Unsure
		}
		return i
	case i+4 >= len(b):
		return Unsure
	}
	for _, c := range b[i+1 : i+5] {
		if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F') {
			return Unsure
		}
	}
	return i + 4
}

func number(b []byte, i int) int {
	if b[i] == '-' {
		i++
	}
	first := i
	if i = digits(b, i); i == first || i > first+1 && b[first] == '0' {
		return Unsure
	}
	if i < len(b) && b[i] == '.' {
		first = i + 1
		if i = digits(b, first); i == first {
			return Unsure
		}
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		first = i
		if i = digits(b, first); i == first {
			return Unsure
		}
	}
	return i
}

func digits(b []byte, i int) int {
	for i < len(b) && b[i] >= '0' && b[i] <= '9' {
		i++
	}
	return i
}

func word(b []byte, i int, text string) int {
	if len(b)-i < len(text) || string(b[i:i+len(text)]) != text {
		return Unsure
	}
	return i + len(text)
}
