package law

import (
	"slices"
	"strconv"
	"strings"
)

// layer says which packages of the module one package may import.
type layer struct {
	dir string   // "x/..." is x and all below it
	may []string // "*" is every package
	why string
}

func covers(pattern, dir string) bool {
	if below, ok := strings.CutSuffix(pattern, "/..."); ok {
		return dir == below || strings.HasPrefix(dir, below+"/")
	}
	return pattern == dir || pattern == "*"
}

// layers is the whole house. A package that is not in it has no place yet.
func layers() []layer {
	const root = "."
	return []layer{
		{root, nil, "everyone imports the vocabulary, so it imports the standard library only"},
		{"client", []string{root}, "the SDK is for programs that do not carry the server"},
		{"internal/routing", []string{root}, "ranking knows the vocabulary, not the state it ranks"},
		{"internal/desk", []string{root, "internal/routing"}, "the state machine knows nobody who feeds it"},
		{"internal/journal", nil, "the journal stores bytes; what they mean is the replica's business"},
		{"internal/replica", []string{root, "internal/desk", "internal/journal"}, "the replica is the desk over a log, whoever asks"},
		{"internal/forward", []string{root}, "what waits for an answer of the leader knows neither the log nor the wire"},
		{"internal/transport", nil, "connections carry bytes; what they mean is the node's business"},
		{"internal/bus", []string{root}, adapter},
		{"internal/jsonscan", nil, "where a value ends has nothing to do with what it means"},
		{"internal/realtime", []string{root, "internal/jsonscan"}, "the protocol's frames are text to be cut; " + adapter},
		{"internal/auth", []string{root}, adapter},
		{"internal/hours", []string{root}, "a calendar knows what is written into it, not who asks"},
		{"internal/levels", []string{root}, "formulas know what was counted, not who counted it"},
		{"internal/edge", []string{root, "internal/auth", "internal/levels", "internal/hours", "internal/jsonscan"}, "the edge asks auth who somebody is, levels what counts amount to, hours whether there is such a zone, and jsonscan where values end; " + adapter},
		{"internal/steward", []string{root}, adapter},
		{"internal/worker", []string{root}, adapter},
		{"internal/archive", []string{root}, adapter},
		{"internal/backup", nil, "a backup is a file of bytes; what they mean is the node's business"},
		{"internal/web", nil, "the pages are files"},
		{"internal/law", nil, "a judge is nobody's colleague"},
		{"internal/sim/...", []string{
			"internal/sim/...",
			root, "internal/desk", "internal/routing", "internal/journal", "internal/replica", "internal/realtime",
			"internal/edge", "internal/auth", "internal/archive", "internal/steward", "internal/forward",
		}, "sim runs the pure halves, not what wires them to a machine"},
		{"internal/node", []string{"*"}, "the one place that wires"},
		{"cmd/evenkeel", []string{"*"}, "the command line"},
	}
}

const adapter = "adapters see the vocabulary and the small interfaces that they declare; node joins them"

// checkImports keeps the layers, and cgo out of all of them. Tests may import
// what they like.
func checkImports(m *Module, report Report) {
	product(m, func(p *Package, f *File) {
		place := slices.IndexFunc(layers(), func(l layer) bool { return covers(l.dir, p.Dir) })
		if place < 0 {
			report(f.Syntax.Package, "package %s has no place in the import law (internal/law/imports.go)", p.Dir)
			return
		}
		for _, spec := range f.Syntax.Imports {
			target, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				continue // the parser has seen to it
			}
			if text := importBreach(m.Path, layers()[place], target); text != "" {
				report(spec.Pos(), "%s", text)
			}
		}
	})
}

func importBreach(module string, l layer, target string) string {
	if target == "C" {
		return "cgo: the binary is built for other machines than this one"
	}
	dir, ours := dirOf(module, target)
	if !ours {
		if l.dir == "." && strings.Contains(strings.Split(target, "/")[0], ".") {
			return target + " is not of the standard library: " + l.why
		}
		return ""
	}
	if slices.ContainsFunc(l.may, func(pattern string) bool { return covers(pattern, dir) }) {
		return ""
	}
	return l.dir + " may not import " + dir + ": " + l.why
}

// checkNames refuses packages whose name says nothing.
func checkNames(m *Module, report Report) {
	empty := []string{"util", "utils", "common", "helper", "helpers", "misc"}
	for _, p := range m.Packages {
		for _, f := range p.Files {
			name := strings.TrimSuffix(f.Syntax.Name.Name, "_test")
			if slices.Contains(empty, name) {
				report(f.Syntax.Name.Pos(), "a package called %s has no subject", name)
			}
		}
	}
}
