package law

import (
	"go/ast"
	"reflect"
	"strconv"
	"strings"
)

// checkWire looks at structs that are written to the log or a snapshot: every
// field has a number, none has another's, and the encoding is by number, so
// that a renamed field stays the same field.
func checkWire(m *Module, report Report) {
	product(m, func(_ *Package, f *File) {
		ast.Inspect(f.Syntax, func(n ast.Node) bool {
			if s, ok := n.(*ast.StructType); ok && numbered(s) {
				checkNumbers(s, report)
			}
			return true
		})
	})
}

func numbered(s *ast.StructType) bool {
	for _, field := range s.Fields.List {
		if _, ok := cborTag(field); ok {
			return true
		}
	}
	return false
}

func checkNumbers(s *ast.StructType, report Report) {
	owner := map[int]string{}
	for _, field := range s.Fields.List {
		tag, ok := cborTag(field)
		for _, name := range field.Names {
			if !name.IsExported() {
				continue // not encoded
			}
			number, options, _ := strings.Cut(tag, ",")
			n, err := strconv.Atoi(number)
			switch {
			case tag == "-" || name.Name == "_":
			case !ok || err != nil || !strings.Contains(options, "keyasint"):
				report(name.Pos(), "%s has no number on the wire, its neighbours do", name.Name)
			case owner[n] != "":
				report(name.Pos(), "%s has the number of %s", name.Name, owner[n])
			default:
				owner[n] = name.Name
			}
		}
	}
}

func cborTag(field *ast.Field) (string, bool) {
	if field.Tag == nil {
		return "", false
	}
	tag, err := strconv.Unquote(field.Tag.Value)
	if err != nil {
		return "", false
	}
	return reflect.StructTag(tag).Lookup("cbor")
}
