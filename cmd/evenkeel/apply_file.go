package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/evenkeel/evenkeel"
)

// wantedState is what a file of `apply` says. A kind that is nil is not in the
// file, and stays as it is in the cell.
type wantedState struct {
	workspace string
	queues    []wantedQueue
	agents    []wantedAgent
	keys      []wantedKey
	spaces    []wantedNamespace
	canned    []wantedCanned
	identity  *wantedSigning
	tokens    *wantedSigning
	origins   []string
	has       map[string]bool // the keys of the file
}

// A secret that is nil is not in the file: the one in the cell stays.
type (
	wantedQueue struct {
		evenkeel.Queue
		at ast.Node
	}
	wantedAgent struct {
		evenkeel.Agent
		Password *string `json:"password"`
		at       ast.Node
	}
	wantedKey struct {
		evenkeel.APIKey
		Key *string `json:"key"`
		at  ast.Node
	}
	wantedNamespace struct {
		evenkeel.Namespace
		// What is to come takes only the value that says that it is not there.
		Durable bool   `json:"durable"`
		Delta   string `json:"delta"`
		at      ast.Node
	}
	wantedCanned struct {
		evenkeel.Canned
		at ast.Node
	}
	wantedSigning struct {
		Secret   *string `json:"hmac_secret"`
		JWKSURL  string  `json:"jwks_url"`
		Issuer   string  `json:"issuer"`
		Audience string  `json:"audience"`
	}
)

// readWanted reads a file; "-" is standard input.
func readWanted(name string, stdin io.Reader) (yamlFile, *wantedState, error) {
	if name == "-" {
		content, err := io.ReadAll(io.LimitReader(stdin, maxYAMLBytes+1))
		if err != nil {
			return "", nil, fmt.Errorf("read standard input: %w", err)
		}
		w, err := parseWanted("standard input", content)
		return "standard input", w, err
	}
	info, err := os.Stat(name)
	if err == nil && info.Size() > maxYAMLBytes {
		return "", nil, yamlFile(name).errorf(nil, "it has more than %d bytes", maxYAMLBytes)
	}
	content, err := os.ReadFile(name)
	if err != nil {
		return "", nil, usageError(fmt.Sprintf("the file cannot be read: %v", err))
	}
	w, err := parseWanted(yamlFile(name), content)
	return yamlFile(name), w, err
}

// applyKeys are the keys of a file, in the order of the documentation.
var applyKeys = []string{"workspace", "queues", "agents", "api_keys", "namespaces", "canned", "identity", "tokens", "origins", "devices"}

func parseWanted(f yamlFile, content []byte) (*wantedState, error) {
	w := &wantedState{workspace: evenkeel.DefaultWorkspace, has: map[string]bool{}}
	mapping, err := f.parse(content)
	if err != nil || mapping == nil {
		return w, err
	}
	pairs, err := f.pairs(mapping, "the file")
	if err != nil {
		return nil, err
	}
	for _, pair := range pairs {
		key := keyOf(pair)
		if !slices.Contains(applyKeys, key) {
			return nil, f.errorf(pair.Key, "there is no %q here; there may be %s", key, strings.Join(applyKeys, ", "))
		}
		w.has[key] = true
		if err := w.take(f, key, pair.Value); err != nil {
			return nil, err
		}
	}
	return w, w.checkNames(f)
}

func (w *wantedState) take(f yamlFile, key string, n ast.Node) error {
	switch key {
	case "workspace":
		return f.bind(n, reflect.ValueOf(&w.workspace).Elem(), key)
	case "origins":
		return f.bind(n, reflect.ValueOf(&w.origins).Elem(), key)
	case "identity":
		w.identity = &wantedSigning{}
		return f.bind(n, reflect.ValueOf(w.identity).Elem(), key)
	case "tokens":
		w.tokens = &wantedSigning{}
		return f.bind(n, reflect.ValueOf(w.tokens).Elem(), key)
	}
	items, err := f.items(n, key)
	if err != nil {
		return err
	}
	for _, item := range items {
		if err := w.takeObject(f, key, item); err != nil {
			return err
		}
	}
	return nil
}

// takeObject reads one object over the defaults that a new one has: what the
// file leaves out has its default.
func (w *wantedState) takeObject(f yamlFile, kind string, n ast.Node) error {
	id, err := f.idOf(n, kind)
	if err != nil {
		return err
	}
	switch kind {
	case "queues":
		q := wantedQueue{Queue: evenkeel.NewQueue(id), at: n}
		err = f.bind(n, reflect.ValueOf(&q).Elem(), "a queue")
		w.queues = append(w.queues, q)
	case "agents":
		a := wantedAgent{Agent: defaultAgent(id), at: n}
		err = f.bind(n, reflect.ValueOf(&a).Elem(), "an agent")
		a.Email = strings.ToLower(a.Email)
		for i := range a.Queues {
			a.Queues[i].Level = cmp.Or(a.Queues[i].Level, 1)
		}
		if err == nil && a.Password != nil && (*a.Password == "" || a.Email == "") {
			err = f.errorf(n, "the agent %s: a password must not be empty, and is of no use without an email", id)
		}
		w.agents = append(w.agents, a)
	case "api_keys":
		k := wantedKey{APIKey: evenkeel.APIKey{ID: id, Role: evenkeel.RoleService}, at: n}
		err = f.bind(n, reflect.ValueOf(&k).Elem(), "an API key")
		if err == nil && k.Key != nil && *k.Key == "" {
			err = f.errorf(n, "the API key %s: an empty key opens nothing; leave it out to have one made", id)
		}
		w.keys = append(w.keys, k)
	case "namespaces":
		s := wantedNamespace{Namespace: evenkeel.NewNamespace(id), Delta: "none", at: n}
		err = f.bind(n, reflect.ValueOf(&s).Elem(), "a namespace")
		if err == nil && (s.Durable || s.Delta != "none") {
			err = f.errorf(n, "the namespace %s: durable must be false and delta none: this version has neither yet", id)
		}
		w.spaces = append(w.spaces, s)
	case "canned":
		r := wantedCanned{Canned: evenkeel.Canned{ID: id, Title: id}, at: n}
		err = f.bind(n, reflect.ValueOf(&r).Elem(), "a canned reply")
		if err == nil && r.Owner != "" {
			err = f.errorf(n, "the canned reply %s: an agent keeps his own himself; leave owner out", id)
		}
		w.canned = append(w.canned, r)
	default:
		err = f.errorf(n, "%s cannot be applied yet: this version has none; leave the list empty", kind)
	}
	return err
}

func defaultAgent(id string) evenkeel.Agent {
	return evenkeel.Agent{ID: id, Name: id, Role: evenkeel.RoleAgent, Capacity: evenkeel.DefaultCapacity}
}

// idOf finds an object's id before the rest of it is read: defaults need it.
func (f yamlFile) idOf(n ast.Node, kind string) (string, error) {
	pairs, err := f.pairs(n, "each of "+kind)
	if err != nil {
		return "", err
	}
	for _, pair := range pairs {
		if key := keyOf(pair); key == "id" || key == "name" && kind == "namespaces" {
			return f.scalar(pair.Value, "id")
		}
	}
	return "", f.errorf(n, "one of %s has no id", kind)
}

// checkNames refuses two objects of one kind and id.
func (w *wantedState) checkNames(f yamlFile) error {
	seen := map[string]bool{}
	check := func(kind, id string, at ast.Node) error {
		if id == "" {
			return f.errorf(at, "the id of the %s is empty", kind)
		}
		if seen[kind+" "+id] {
			return f.errorf(at, "the %s %s is there twice", kind, id)
		}
		seen[kind+" "+id] = true
		return nil
	}
	var err error
	for _, q := range w.queues {
		err = cmp.Or(err, check("queue", q.ID, q.at))
	}
	for _, a := range w.agents {
		err = cmp.Or(err, check("agent", a.ID, a.at))
	}
	for _, k := range w.keys {
		err = cmp.Or(err, check("API key", k.ID, k.at))
	}
	for _, s := range w.spaces {
		err = cmp.Or(err, check("namespace", s.Name, s.at))
	}
	for _, r := range w.canned {
		err = cmp.Or(err, check("canned reply", r.ID, r.at))
	}
	return err
}
