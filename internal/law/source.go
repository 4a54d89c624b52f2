package law

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/build"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Module is the source of a whole module, parsed and type-checked.
type Module struct {
	Path     string // as in go.mod
	Fset     *token.FileSet
	Packages []*Package // by directory
	Texts    []Text     // sources that are not Go
	Unsound  []error    // what the type checker found
}

// Package is one directory of Go files.
type Package struct {
	Dir   string // slash-separated, relative to the module; "." is the root
	Files []*File
	Types *types.Package // of the typed files
	Info  *types.Info
}

// File is one Go file.
type File struct {
	Path      string // relative to the module
	Syntax    *ast.File
	Source    []byte
	Lines     int
	Test      bool // its name ends in _test.go
	Generated bool
	Typed     bool // part of this platform's build: Info knows its expressions
	Half      Half
}

// Text is a source file in another language.
type Text struct {
	Path  string
	Lines []string
}

// Half says which part of a package a file belongs to.
type Half int

// The halves. A file of a wholly pure package is pure without a mark.
const (
	Unmarked Half = iota
	Pure
	Shell
)

const (
	markPure  = "//evenkeel:pure"
	markShell = "//evenkeel:shell"
)

// Load reads the module in dir. Type information of imported packages comes
// from the build cache, so that the second run is quick.
func Load(dir string) (*Module, error) {
	sources, texts, err := readTree(os.DirFS(dir))
	if err != nil {
		return nil, err
	}
	foreign, err := listForeign(dir)
	if err != nil {
		return nil, err
	}
	exports, err := listExports(dir, foreign)
	if err != nil {
		return nil, err
	}
	m, err := check(modulePath, sources, exports)
	if err != nil {
		return nil, err
	}
	m.Texts = texts
	return m, nil
}

const modulePath = "github.com/evenkeel/evenkeel"

// readTree returns the contents of the Go files, and the other sources, of a
// file tree. Nested modules and what is not ours are left out.
func readTree(tree fs.FS) (map[string][]byte, []Text, error) {
	sources := map[string][]byte{}
	var texts []Text
	err := fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return enter(tree, name)
		}
		isGo := strings.HasSuffix(name, ".go")
		if !isGo && !isText(name) {
			return nil
		}
		content, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		if isGo {
			sources[name] = content
		} else {
			texts = append(texts, Text{Path: name, Lines: strings.Split(string(content), "\n")})
		}
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("read the sources: %w", err)
	}
	return sources, texts, nil
}

func enter(tree fs.FS, dir string) error {
	if dir == "." {
		return nil
	}
	base := path.Base(dir)
	foreign := slices.Contains([]string{"testdata", "node_modules", "dist", "build", "bin"}, base)
	if foreign || (strings.HasPrefix(base, ".") && base != ".ci") || strings.HasPrefix(base, "_") {
		return fs.SkipDir
	}
	if _, err := fs.Stat(tree, path.Join(dir, "go.mod")); err == nil {
		return fs.SkipDir
	}
	return nil
}

func isText(name string) bool {
	if strings.HasPrefix(name, ".ci/") || path.Base(name) == "Makefile" {
		return true
	}
	return slices.Contains([]string{".ts", ".tsx", ".js", ".mjs", ".css", ".html", ".sh"}, path.Ext(name))
}

// exportFiles maps import paths to files of type information.
type exportFiles map[string]string

// listExports has the go command compile packages and tells where their type
// information lies.
func listExports(dir string, packages []string) (exportFiles, error) {
	out, err := goList(dir, append([]string{"-export", "-deps", "-json=ImportPath,Export"}, packages...)...)
	if err != nil {
		return nil, err
	}
	exports := exportFiles{}
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct{ ImportPath, Export string }
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return exports, nil
		} else if err != nil {
			return nil, fmt.Errorf("read the answer of go list: %w", err)
		}
		exports[p.ImportPath] = p.Export
	}
}

// listForeign returns the packages of others that the module is made of.
func listForeign(dir string) ([]string, error) {
	out, err := goList(dir, "-deps", "./...")
	if err != nil {
		return nil, err
	}
	var foreign []string
	for _, importPath := range strings.Fields(string(out)) {
		if _, ours := dirOf(modulePath, importPath); !ours {
			foreign = append(foreign, importPath)
		}
	}
	return foreign, nil
}

func goList(dir string, args ...string) ([]byte, error) {
	cmd := exec.Command("go", append([]string{"list"}, args...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0") // as the product is built
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list %s: %w\n%s", args[0], err, stderr.String())
	}
	return out, nil
}

// check parses and type-checks sources, given by their paths in the module.
func check(module string, sources map[string][]byte, exports exportFiles) (*Module, error) {
	m := &Module{Path: module, Fset: token.NewFileSet()}
	byDir := map[string]*Package{}
	for _, name := range sortedNames(sources) {
		f, err := parseFile(m.Fset, name, sources[name])
		if err != nil {
			return nil, err
		}
		dir := path.Dir(name)
		if byDir[dir] == nil {
			byDir[dir] = &Package{Dir: dir}
			m.Packages = append(m.Packages, byDir[dir])
		}
		byDir[dir].Files = append(byDir[dir].Files, f)
	}
	slices.SortFunc(m.Packages, func(a, b *Package) int { return strings.Compare(a.Dir, b.Dir) })

	c := &checker{module: m, byDir: byDir, exports: exports}
	c.compiled = importer.ForCompiler(m.Fset, "gc", c.openExport)
	for _, p := range m.Packages {
		if _, err := c.checkPackage(p); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func sortedNames(sources map[string][]byte) []string {
	names := make([]string, 0, len(sources))
	for name := range sources {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func parseFile(fset *token.FileSet, name string, src []byte) (*File, error) {
	syntax, err := parser.ParseFile(fset, name, src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, fmt.Errorf("parse %s: %w", name, err)
	}
	f := &File{
		Path:      name,
		Syntax:    syntax,
		Source:    src,
		Lines:     bytes.Count(src, []byte("\n")),
		Test:      strings.HasSuffix(name, "_test.go"),
		Generated: ast.IsGenerated(syntax),
		Half:      halfOf(syntax),
	}
	f.Typed = !f.Test && onThisPlatform(name, src)
	return f, nil
}

func halfOf(syntax *ast.File) Half {
	for _, group := range syntax.Comments {
		if group.Pos() > syntax.Package {
			break
		}
		for _, comment := range group.List {
			switch strings.TrimSpace(comment.Text) {
			case markPure:
				return Pure
			case markShell:
				return Shell
			}
		}
	}
	return Unmarked
}

// onThisPlatform tells whether a build for this platform, without cgo, has the
// file.
func onThisPlatform(name string, src []byte) bool {
	ctx := build.Default
	ctx.CgoEnabled = false
	ctx.OpenFile = func(string) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(src)), nil }
	ok, err := ctx.MatchFile(filepath.Dir(name), filepath.Base(name))
	return err == nil && ok
}

// checker type-checks the module's packages from source, each before those
// that import it, and imports all others from compiled form.
type checker struct {
	module   *Module
	byDir    map[string]*Package
	exports  exportFiles
	compiled types.Importer
}

func (c *checker) openExport(importPath string) (io.ReadCloser, error) {
	file := c.exports[importPath]
	if file == "" {
		return nil, fmt.Errorf("no type information for %s", importPath)
	}
	return os.Open(file)
}

// Import implements types.Importer.
func (c *checker) Import(importPath string) (*types.Package, error) {
	if dir, ok := dirOf(c.module.Path, importPath); ok {
		if p := c.byDir[dir]; p != nil {
			return c.checkPackage(p)
		}
		return nil, fmt.Errorf("no package in %s", dir)
	}
	return c.compiled.Import(importPath)
}

func (c *checker) checkPackage(p *Package) (*types.Package, error) {
	if p.Types != nil {
		return p.Types, nil
	}
	p.Info = &types.Info{
		Types: map[ast.Expr]types.TypeAndValue{},
		Defs:  map[*ast.Ident]types.Object{},
		Uses:  map[*ast.Ident]types.Object{},
	}
	var files []*ast.File
	for _, f := range p.Files {
		if f.Typed {
			files = append(files, f.Syntax)
		}
	}
	// A package that does not compile is judged as far as it is understood.
	conf := types.Config{Importer: c, Error: func(err error) { c.module.Unsound = append(c.module.Unsound, err) }}
	p.Types, _ = conf.Check(path.Join(c.module.Path, p.Dir), c.module.Fset, files, p.Info) // err is the first of Unsound
	return p.Types, nil
}

// dirOf turns an import path into a directory of the module.
func dirOf(module, importPath string) (string, bool) {
	if importPath == module {
		return ".", true
	}
	return strings.CutPrefix(importPath, module+"/")
}
