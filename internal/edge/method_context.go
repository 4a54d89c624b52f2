//evenkeel:pure

package edge

import (
	"bytes"
	"encoding/json"
	"strconv"

	"github.com/evenkeel/evenkeel"
)

// canonical wants a JSON object of bounded size and depth, and returns it in the
// one form in which it is kept: without blanks, with the names of each object in
// order, and numbers as they were written. Absent and null are none.
func canonical(field string, raw json.RawMessage) (json.RawMessage, *evenkeel.Error) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	if raw[0] != '{' {
		return nil, badField(field, "must be an object")
	}
	if nesting(raw) > maxNesting {
		return nil, badField(field, "is nested more than %d deep", maxNesting)
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, badField(field, "is not a JSON object")
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, badField(field, "cannot be written down")
	}
	out := bytes.TrimRight(b.Bytes(), "\n")
	if len(out) > maxDocument {
		return nil, &evenkeel.Error{
			Code: evenkeel.CodeTooLarge, Field: field,
			Detail: "the field " + field + " may have " + strconv.Itoa(maxDocument) + " bytes at most",
		}
	}
	return out, nil
}

type contextGetParams struct {
	Customer string `json:"customer"`
	Chat     string `json:"chat"`
}

type contextParams struct {
	commonParams
	Customer string          `json:"customer"`
	Chat     string          `json:"chat"`
	Version  *uint64         `json:"version"`
	Data     json.RawMessage `json:"data"`
}

func (p *contextParams) body() (evenkeel.Body, *evenkeel.Error) {
	data, err := canonical("data", p.Data)
	err = firstError(err, checkOptionalID("customer", p.Customer), checkOptionalID("chat", p.Chat))
	return &evenkeel.ContextSet{Customer: p.Customer, Chat: p.Chat, Version: p.Version, Data: data}, err
}

// contextReply is the answer of context.get.
type contextReply struct {
	*evenkeel.Context
	Index uint64 `json:"index"`
}
