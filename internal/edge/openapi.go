//evenkeel:shell

package edge

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/evenkeel/evenkeel"
)

// fieldTexts says what each field of a body and each query parameter means.
//
//go:embed fields.txt
var fieldTexts string

const introduction = `Customer chat that stays up: chats are queued and routed to agents, by HTTP and by a realtime connection with the same methods.

Times are RFC 3339 in UTC, durations are numbers of seconds, ids are strings. Fields and query parameters that are not known are refused, with the field named; a field that is null counts as absent.

A request that changes something may carry an id of its own, and is then carried out once, however often it is sent. When the cell has no leader a request waits for one, up to 4 seconds.`

// openAPI describes the routes in the terms of OpenAPI 3.1.
func (e *Edge) openAPI() object {
	return e.describe(newSchemas(parseTexts(fieldTexts)))
}

func (e *Edge) describe(s *schemas) object {
	paths, tags := object{}, []any{}
	for _, r := range e.routes() {
		item, ok := paths[r.path].(object)
		if !ok {
			item = object{}
			paths[r.path] = item
		}
		item[strings.ToLower(r.method)] = r.operation(s)
		if tag := (object{"name": r.tag()}); !slices.ContainsFunc(tags, func(t any) bool { return reflect.DeepEqual(t, tag) }) {
			tags = append(tags, tag)
		}
	}
	s.component(reflect.TypeFor[problem](), false)
	return object{
		"openapi": "3.1.0",
		"info": object{
			"title": "Evenkeel", "version": "1", "description": introduction,
			"license": object{"name": "Apache-2.0", "identifier": "Apache-2.0"},
		},
		"servers": []any{object{"url": "/", "description": "The node that gave you this document."}},
		"tags":    tags,
		"paths":   paths,
		"components": object{
			"schemas":         s.components,
			"responses":       problemResponses(),
			"parameters":      commonParameters(s),
			"headers":         commonHeaders(),
			"securitySchemes": securitySchemes(),
		},
	}
}

// tag groups the routes by what they are about.
func (r *route) tag() string {
	parts := strings.Split(strings.Trim(r.path, "/"), "/")
	if parts[0] == "v1" {
		return parts[1]
	}
	return "node"
}

// operationID names an operation for those who make code from the document:
// GET /v1/chats/{id}/messages is getChatsIdMessages.
func (r *route) operationID() string {
	id := strings.ToLower(r.method)
	for _, part := range strings.FieldsFunc(strings.TrimPrefix(r.path, "/v1"), func(c rune) bool { return strings.ContainsRune("/{}-._", c) }) {
		id += strings.ToUpper(part[:1]) + part[1:]
	}
	return id
}

func (r *route) operation(s *schemas) object {
	op := object{
		"operationId": r.operationID(), "summary": r.about, "tags": []string{r.tag()},
		"description": "For " + rolesInWords(r.who) + ".", "responses": r.responses(s),
	}
	if parameters := r.parameters(s); len(parameters) > 0 {
		op["parameters"] = parameters
	}
	if r.form.body != nil {
		op["requestBody"] = r.requestBody(s)
	}
	if r.who.open {
		op["security"] = []any{object{}, object{"bearer": []string{}}}
	} else {
		op["security"] = []any{object{"bearer": []string{}}, object{"apiKey": []string{}}}
	}
	return op
}

// rolesInWords says who may use a route.
func rolesInWords(a access) string {
	var allowed, denied []string
	for _, role := range []evenkeel.Role{
		evenkeel.RoleCustomer, evenkeel.RoleAgent, evenkeel.RoleSupervisor, evenkeel.RoleAdmin, evenkeel.RoleOperator, evenkeel.RoleService,
	} {
		if a.allows(role) {
			allowed = append(allowed, role.String())
		} else {
			denied = append(denied, role.String())
		}
	}
	switch {
	case a.open:
		return "everybody"
	case len(denied) == 0:
		return "every role"
	default:
		return strings.Join(allowed, ", ")
	}
}

func (r *route) parameters(s *schemas) []any {
	var list []any
	for _, name := range pathNames(r.path) {
		list = append(list, object{
			"name": name, "in": "path", "required": true, "schema": object{"type": "string"},
			"description": s.text(reflect.TypeFor[pathOf](), r.tag()+"."+name),
		})
	}
	for _, name := range r.form.query {
		list = append(list, object{
			"name": name, "in": "query", "schema": queryType(name), "description": s.text(reflect.TypeFor[query](), r.tag()+"."+name),
		})
	}
	if strings.HasPrefix(r.path, "/v1/") {
		list = append(list, parameterRef(indexHeader))
	}
	if r.form.keyed {
		list = append(list, parameterRef("Idempotency-Key"))
	}
	if r.form.object != 0 || r.form.counts != nil {
		if r.method != http.MethodGet {
			list = append(list, parameterRef("If-Match"))
		}
		if r.method != http.MethodDelete {
			list = append(list, parameterRef("If-None-Match"))
		}
	}
	return list
}

// path and query are the names under which fields.txt keeps what parameters
// mean: "Query.chats.state", or "*.limit".
type (
	pathOf struct{}
	query  struct{}
)

func pathNames(path string) (names []string) {
	for _, part := range strings.Split(path, "/") {
		if name, ok := strings.CutPrefix(part, "{"); ok {
			names = append(names, strings.TrimRight(name, "}."))
		}
	}
	return names
}

func queryType(name string) object {
	switch name {
	case "limit":
		return object{"type": "integer", "minimum": 1, "maximum": maxLimit, "default": defaultLimit}
	case "after", "before":
		return object{"type": "integer", "minimum": 0}
	case "notes":
		return object{"type": "boolean", "default": true}
	default:
		return object{"type": "string"}
	}
}

func (r *route) requestBody(s *schemas) object {
	schema := s.fields(r.form.body, true, r.form.needs)
	if r.form.defaults != nil {
		addDefaults(schema, r.form.defaults)
	}
	return object{
		"required": len(r.form.needs) > 0,
		"content":  object{"application/json": object{"schema": schema}},
	}
}

// addDefaults writes what each field is when it is left out.
func addDefaults(schema object, defaults any) {
	b, err := json.Marshal(defaults)
	if err != nil {
		panic(fmt.Sprintf("edge: the defaults of a route cannot be written: %v", err)) // wrong code: each test makes the document
	}
	var values object
	if err := json.Unmarshal(b, &values); err != nil {
		panic(fmt.Sprintf("edge: the defaults of a route are no object: %v", err))
	}
	properties, _ := schema["properties"].(object)
	for name, p := range properties {
		property, _ := p.(object)
		// The id is the address's, and the name is the id if there is none.
		if v, ok := values[name]; ok && v != nil && name != "id" && name != "name" && property["$ref"] == nil {
			property["default"] = v
		}
	}
}

func (r *route) responses(s *schemas) object {
	responses := object{}
	if (r.form.object != 0 || r.form.counts != nil) && r.method == http.MethodGet {
		responses[strconv.Itoa(http.StatusNotModified)] = object{"description": successText(http.StatusNotModified)}
	}
	for _, status := range r.form.status {
		answer := object{"description": successText(status)}
		if strings.HasPrefix(r.path, "/v1/") {
			answer["headers"] = r.headers()
		}
		switch {
		case r.form.kind != "":
			answer["content"] = object{r.form.kind: object{"schema": object{"type": "string"}}}
		case r.form.reply != nil:
			content := object{"application/json": object{"schema": s.of(r.form.reply, false)}}
			if r.form.csv {
				content["text/csv"] = object{"schema": object{"type": "string"}}
			}
			answer["content"] = content
		}
		responses[strconv.Itoa(status)] = answer
	}
	for _, status := range r.problems() {
		responses[strconv.Itoa(status)] = object{"$ref": "#/components/responses/" + problemName(status)}
	}
	return responses
}

func successText(status int) string {
	switch status {
	case http.StatusCreated:
		return "It was made by this request."
	case http.StatusNoContent:
		return "Done. There is nothing to say."
	case http.StatusNotModified:
		return "It is as the caller has it."
	default:
		return "The answer."
	}
}

func (r *route) headers() object {
	h := object{}
	for _, name := range []string{indexHeader, "RateLimit", "RateLimit-Policy"} {
		h[name] = object{"$ref": "#/components/headers/" + name}
	}
	if r.form.object != 0 || r.form.counts != nil {
		h["ETag"] = object{"$ref": "#/components/headers/ETag"}
	}
	return h
}

// problems lists the statuses of the refusals that a route can give.
func (r *route) problems() []int {
	if !strings.HasPrefix(r.path, "/v1/") {
		return []int{http.StatusInternalServerError, http.StatusServiceUnavailable}
	}
	list := []int{http.StatusBadRequest, http.StatusForbidden, http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusServiceUnavailable}
	if !r.who.open || r.method == http.MethodPost {
		list = append(list, http.StatusUnauthorized)
	}
	if strings.Contains(r.path, "{") || r.method == http.MethodPost || r.who.open { // these name a workspace
		list = append(list, http.StatusNotFound)
	}
	if r.method != http.MethodGet {
		list = append(list, http.StatusConflict, http.StatusRequestEntityTooLarge)
	}
	if r.form.body == reflect.TypeFor[contextBody]() {
		list = append(list, http.StatusPreconditionFailed)
	}
	if r.form.keyed {
		list = append(list, http.StatusUnprocessableEntity)
	}
	if (r.form.counts != nil || r.form.object != 0) && r.method != http.MethodGet {
		list = append(list, http.StatusPreconditionFailed)
	}
	return list
}

func problemName(status int) string { return "Problem" + strconv.Itoa(status) }

// problemResponses are the refusals by status, made from the table of errors.
func problemResponses() object {
	responses := object{}
	for _, info := range evenkeel.Codes() {
		name := problemName(info.HTTP)
		line := "`" + string(info.Code) + "`: " + info.Title + "."
		if known, ok := responses[name].(object); ok {
			known["description"] = fmt.Sprint(known["description"], "\n\n", line)
			continue
		}
		r := object{
			"description": line, "content": object{"application/problem+json": object{"schema": ref("Problem")}},
		}
		if info.Temporary {
			r["headers"] = object{"Retry-After": object{"$ref": "#/components/headers/Retry-After"}}
		}
		responses[name] = r
	}
	return responses
}

func parameterRef(name string) object { return object{"$ref": "#/components/parameters/" + name} }

func commonParameters(s *schemas) object {
	parameters := object{}
	for _, name := range []string{indexHeader, "Idempotency-Key", "If-Match", "If-None-Match"} {
		parameters[name] = object{
			"name": name, "in": "header", "schema": object{"type": "string"}, "description": s.text(reflect.TypeFor[header](), name),
		}
	}
	return parameters
}

type header struct{}

func commonHeaders() object {
	return object{
		indexHeader: object{
			"description": "The index of the log that the answer reflects. Send the highest one back: no answer is older than it.",
			"schema":      object{"type": "integer", "minimum": 0},
		},
		"ETag": object{
			"description": "The version of the object, for If-Match and If-None-Match.", "schema": object{"type": "string"},
		},
		"RateLimit": object{
			"description": "How many requests are left to the caller, and the seconds until all are there again: \"user\";r=599;t=1.",
			"schema":      object{"type": "string"},
		},
		"RateLimit-Policy": object{
			"description": "How many requests the caller has within how many seconds: \"user\";q=600;w=60.", "schema": object{"type": "string"},
		},
		"Retry-After": object{
			"description": "When to try again, in seconds.", "schema": object{"type": "integer", "minimum": 1},
		},
	}
}

func securitySchemes() object {
	return object{
		"bearer": object{
			"type": "http", "scheme": "bearer",
			"description": "A person's token from POST /v1/auth/login, a customer's from POST /v1/visitors, or an API key.",
		},
		"apiKey": object{"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "A service's key from PUT /v1/api-keys/{id}."},
	}
}

// docRoutes are the description of the API, for programs and for people.
func (e *Edge) docRoutes() []route {
	page := func(name, kind string) handler {
		return func(q *request) (*answer, *evenkeel.Error) { return docFile(name, kind) }
	}
	return []route{
		{http.MethodGet, "/openapi.json", open(), getOpenAPI, "This API in the terms of OpenAPI 3.1", gives[map[string]any]()},
		{http.MethodGet, "/docs", open(), page("index.html", "text/html; charset=utf-8"), "This API for people", gives[string]().as("text/html")},
		{http.MethodGet, "/docs/docs.js", open(), page("docs.js", "text/javascript; charset=utf-8"), "The page's script", gives[string]().as("text/javascript")},
		{http.MethodGet, "/docs/docs.css", open(), page("docs.css", "text/css; charset=utf-8"), "The page's looks", gives[string]().as("text/css")},
	}
}

func getOpenAPI(q *request) (*answer, *evenkeel.Error) { return &answer{raw: q.edge.described}, nil }
