package main

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/node"
)

// yamlFile reads a YAML file into Go values by their json names. It is strict:
// what it does not know is refused with its line.
type yamlFile string // its name, for messages

// The bounds of a file. Nesting is counted before it is parsed: the parser
// calls itself for each level.
const (
	maxYAMLBytes = 1 << 20
	maxYAMLDepth = 32
)

// errorf says what is wrong at a node.
func (f yamlFile) errorf(n ast.Node, format string, args ...any) error {
	text := fmt.Sprintf(format, args...)
	if n == nil || n.GetToken() == nil || n.GetToken().Position == nil {
		return usageError(fmt.Sprintf("%s: %s", string(f), text))
	}
	return usageError(fmt.Sprintf("%s:%d: %s", string(f), n.GetToken().Position.Line, text))
}

// parse returns the one mapping that the file is; nil if it is empty.
func (f yamlFile) parse(content []byte) (*ast.MappingNode, error) {
	if len(content) > maxYAMLBytes {
		return nil, f.errorf(nil, "it has more than %d bytes", maxYAMLBytes)
	}
	if line := tooDeep(string(content)); line > 0 {
		return nil, usageError(fmt.Sprintf("%s:%d: nested more than %d deep", string(f), line, maxYAMLDepth))
	}
	parsed, err := parser.ParseBytes(content, 0)
	var at yaml.Error
	switch {
	case errors.As(err, &at) && at.GetToken() != nil:
		return nil, usageError(fmt.Sprintf("%s:%d: not YAML: %s", string(f), at.GetToken().Position.Line, at.GetMessage()))
	case err != nil:
		return nil, f.errorf(nil, "not YAML: %v", err)
	}
	var body ast.Node
	for _, doc := range parsed.Docs {
		switch doc.Body.(type) {
		case nil, *ast.NullNode, *ast.CommentGroupNode:
			continue
		}
		if body != nil {
			return nil, f.errorf(doc.Body, "the file may hold one document only")
		}
		body = doc.Body
	}
	if body == nil {
		return nil, nil
	}
	mapping, ok := body.(*ast.MappingNode)
	if !ok {
		return nil, f.errorf(body, "the file must be lines of KEY: VALUE, such as queues: [{id: sales}]")
	}
	return mapping, nil
}

// tooDeep returns the line on which brackets or "- " are nested deeper than
// anybody writes them; 0: nowhere.
func tooDeep(text string) int {
	depth, number := 0, 0
	for line := range strings.Lines(text) {
		number++
		inline := 0
		for rest := strings.TrimLeft(line, " "); strings.HasPrefix(rest, "- ") || strings.HasPrefix(rest, "? "); inline++ {
			rest = strings.TrimLeft(rest[2:], " ")
		}
		indent := len(line) - len(strings.TrimLeft(line, " "))
		for _, c := range []byte(line) {
			switch c {
			case '[', '{':
				depth++
			case ']', '}':
				depth = max(depth-1, 0)
			}
			if depth > maxYAMLDepth {
				return number
			}
		}
		if inline > maxYAMLDepth || indent > maxYAMLDepth*8 {
			return number
		}
	}
	return 0
}

// pairs returns a mapping's keys and values in their order.
func (f yamlFile) pairs(n ast.Node, what string) ([]*ast.MappingValueNode, error) {
	mapping, ok := n.(*ast.MappingNode)
	if !ok {
		return nil, f.errorf(n, "%s must be KEY: VALUE pairs", what)
	}
	seen := map[string]bool{}
	for _, pair := range mapping.Values {
		key := keyOf(pair)
		if seen[key] {
			return nil, f.errorf(pair.Key, "%s is there twice", key)
		}
		seen[key] = true
	}
	return mapping.Values, nil
}

func keyOf(pair *ast.MappingValueNode) string {
	if s, ok := pair.Key.(*ast.StringNode); ok {
		return s.Value
	}
	return pair.Key.String()
}

// items returns the members of a list.
func (f yamlFile) items(n ast.Node, what string) ([]ast.Node, error) {
	sequence, ok := n.(*ast.SequenceNode)
	if !ok {
		return nil, f.errorf(n, "%s must be a list", what)
	}
	return sequence.Values, nil
}

// bind reads a node into v. what names it in messages.
func (f yamlFile) bind(n ast.Node, v reflect.Value, what string) error {
	if reader, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		text, err := f.scalar(n, what)
		if err != nil {
			return err
		}
		if err := reader.UnmarshalText([]byte(text)); err != nil {
			return f.errorf(n, "%s: %v", what, err)
		}
		return nil
	}
	if skills, ok := v.Addr().Interface().(*evenkeel.Skills); ok {
		return f.bindSkills(n, skills, what)
	}
	switch v.Kind() {
	case reflect.Struct:
		return f.bindStruct(n, v, what)
	case reflect.Slice:
		return f.bindList(n, v, what)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		return f.bind(n, v.Elem(), what)
	case reflect.String:
		text, err := f.scalar(n, what)
		v.SetString(text)
		return err
	case reflect.Bool:
		b, ok := n.(*ast.BoolNode)
		if !ok {
			return f.errorf(n, "%s must be true or false", what)
		}
		v.SetBool(b.Value)
		return nil
	case reflect.Int64:
		text, err := f.scalar(n, what)
		var number node.Bytes // a whole number, with a unit where it is a size
		if err != nil || number.UnmarshalText([]byte(text)) != nil {
			return f.errorf(n, "%s must be a whole number, of bytes also with a unit such as 16KiB", what)
		}
		v.SetInt(int64(number))
		return nil
	default:
		return f.errorf(n, "%s cannot be set here", what)
	}
}

// scalar returns a single value as it is written: 007 stays 007.
func (f yamlFile) scalar(n ast.Node, what string) (string, error) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, nil
	case *ast.LiteralNode:
		return n.Value.Value, nil
	case *ast.IntegerNode, *ast.FloatNode:
		return n.GetToken().Value, nil
	case *ast.NullNode:
		return "", f.errorf(n, `%s has no value; an empty one is ""`, what)
	case *ast.AnchorNode, *ast.AliasNode:
		return "", f.errorf(n, "%s: anchors and aliases are not read here", what)
	default:
		return "", f.errorf(n, "%s must be a single value, in quotes if it looks like something else", what)
	}
}

func (f yamlFile) bindStruct(n ast.Node, v reflect.Value, what string) error {
	pairs, err := f.pairs(n, what)
	if err != nil {
		return err
	}
	fields := fieldsOf(v)
	for _, pair := range pairs {
		key := keyOf(pair)
		i := slices.IndexFunc(fields, func(f jsonField) bool { return f.name == key })
		if i < 0 {
			names := make([]string, len(fields))
			for i, f := range fields {
				names[i] = f.name
			}
			return f.errorf(pair.Key, "%s has no %q; it has %s", what, key, strings.Join(names, ", "))
		}
		if err := f.bind(pair.Value, fields[i].value, key); err != nil {
			return err
		}
	}
	return nil
}

func (f yamlFile) bindList(n ast.Node, v reflect.Value, what string) error {
	items, err := f.items(n, what)
	if err != nil {
		return err
	}
	list := reflect.MakeSlice(v.Type(), len(items), len(items))
	for i, item := range items {
		if err := f.bind(item, list.Index(i), what); err != nil {
			return err
		}
	}
	v.Set(list)
	return nil
}

func (f yamlFile) bindSkills(n ast.Node, skills *evenkeel.Skills, what string) error {
	pairs, err := f.pairs(n, what)
	if err != nil {
		return err
	}
	*skills = evenkeel.Skills{}
	for _, pair := range pairs {
		skill := evenkeel.Skill{Name: keyOf(pair)}
		if err := f.bind(pair.Value, reflect.ValueOf(&skill.Level).Elem(), "the level of "+skill.Name); err != nil {
			return err
		}
		*skills = append(*skills, skill)
	}
	skills.Sort()
	return nil
}

// jsonField is a field of a struct under its json name.
type jsonField struct {
	name  string
	value reflect.Value
}

// fieldsOf lists the fields of a struct and of those that it embeds.
func fieldsOf(v reflect.Value) []jsonField {
	var fields []jsonField
	for i := range v.NumField() {
		t := v.Type().Field(i)
		name, _, _ := strings.Cut(t.Tag.Get("json"), ",")
		switch {
		case t.Anonymous && name == "":
			fields = append(fields, fieldsOf(v.Field(i))...)
		case name != "" && name != "-":
			fields = append(fields, jsonField{name, v.Field(i)})
		}
	}
	return fields
}
