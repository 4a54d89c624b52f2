//evenkeel:pure

package levels

import (
	"bytes"
	"encoding/csv"
	"math"
	"reflect"
	"strconv"
	"strings"

	"github.com/evenkeel/evenkeel"
)

// MarshalJSON writes a number with up to three decimals, or null.
func (f Figure) MarshalJSON() ([]byte, error) {
	if !f.Known() || math.IsInf(float64(f), 0) {
		return []byte("null"), nil
	}
	return []byte(f.String()), nil
}

// String writes a number with up to three decimals, as short as it can; nothing
// if it is unknown.
func (f Figure) String() string {
	if !f.Known() || math.IsInf(float64(f), 0) {
		return ""
	}
	s := strconv.FormatFloat(float64(f), 'f', 3, 64)
	s = strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
	if s == "-0" {
		return "0"
	}
	return s
}

// CSV writes rows, a slice of structs, under the names of their fields in JSON
// (RFC 4180: CRLF, quotes where needed).
func CSV(rows any) ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.UseCRLF = true
	list := reflect.ValueOf(rows)
	columns := list.Type().Elem()
	line := make([]string, columns.NumField())
	for i := range line {
		line[i] = columns.Field(i).Tag.Get("json")
	}
	if err := w.Write(line); err != nil {
		return nil, err
	}
	for n := range list.Len() {
		v := list.Index(n)
		for i := range line {
			line[i] = cell(v.Field(i).Interface())
		}
		if err := w.Write(line); err != nil {
			return nil, err
		}
	}
	w.Flush()
	return b.Bytes(), w.Error()
}

// cell writes a value. A text that a spreadsheet would take for a formula gets an
// apostrophe before it, as OWASP advises against CSV injection.
func cell(v any) string {
	switch v := v.(type) {
	case string:
		if v != "" && strings.ContainsRune("=+-@\t\r", rune(v[0])) {
			return "'" + v
		}
		return v
	case int64:
		return strconv.FormatInt(v, 10)
	case Figure:
		return v.String()
	case evenkeel.Time:
		return v.String()
	}
	return ""
}
