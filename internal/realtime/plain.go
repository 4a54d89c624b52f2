//evenkeel:pure

package realtime

import (
	"slices"

	"github.com/evenkeel/evenkeel/internal/jsonscan"
)

// plainCall reads a frame that calls a method, as clients write them: the fields
// id, rpc, method and data, each once at most, a short id, a name without
// escapes. Nearly all frames are such. Whatever else a frame is, false, it is
// wireCommand's to read, or to refuse.
func plainCall(line []byte) (*Command, bool) {
	var id uint32
	var hasID bool
	var call *RPCCommand
	end := plainFields(line, 0, func(name []byte, i int) int {
		switch {
		case string(name) == "id" && !hasID:
			hasID = true
			id, i = plainNumber(line, i)
			return i
		case string(name) == "rpc" && call == nil:
			call = &RPCCommand{}
			return plainRPC(line, i, call)
		}
		return jsonscan.Unsure
	})
	if end != len(line) || call == nil {
		return nil, false
	}
	return &Command{ID: id, RPC: call}, true
}

func plainRPC(line []byte, i int, call *RPCCommand) int {
	var hasMethod, hasData bool
	return plainFields(line, i, func(name []byte, i int) int {
		end := jsonscan.End(line, i)
		switch {
		case end == jsonscan.Unsure:
		case string(name) == "method" && !hasMethod && line[i] == '"':
			hasMethod = true
			text := line[i+1 : end-1]
			if !slices.ContainsFunc(text, func(c byte) bool { return c == '\\' || c >= 0x80 }) {
				call.Method = string(text)
				return end
			}
		case string(name) == "data" && !hasData:
			hasData = true
			call.Params = notNull(slices.Clone(line[i:end]))
			return end
		}
		return jsonscan.Unsure
	})
}

// plainFields hands each field of the object that begins at i to read, with the
// place of its value, and returns where the object ends. read returns where the
// value ends. Either may be Unsure.
func plainFields(line []byte, i int, read func(name []byte, value int) int) int {
	if i >= len(line) || line[i] != '{' {
		return jsonscan.Unsure
	}
	for i++; ; i++ {
		i = jsonscan.Space(line, i)
		end := jsonscan.String(line, i)
		if end == jsonscan.Unsure {
			return jsonscan.Unsure // an object without fields too
		}
		value := jsonscan.Name(line, i)
		if value == jsonscan.Unsure {
			return jsonscan.Unsure
		}
		if i = read(line[i+1:end-1], value); i == jsonscan.Unsure {
			return jsonscan.Unsure
		}
		if i = jsonscan.Space(line, i); i < len(line) && line[i] == '}' {
			return i + 1
		}
		if i >= len(line) || line[i] != ',' {
			return jsonscan.Unsure
		}
	}
}

// plainNumber reads a whole number that fits into 32 bits for sure.
func plainNumber(line []byte, i int) (n uint32, end int) {
	const most = 9 // digits
	for end = i; end < len(line) && line[end] >= '0' && line[end] <= '9'; end++ {
		if end-i == most {
			return 0, jsonscan.Unsure
		}
		n = n*10 + uint32(line[end]-'0')
	}
	if end == i || line[i] == '0' {
		return 0, jsonscan.Unsure
	}
	return n, end
}
