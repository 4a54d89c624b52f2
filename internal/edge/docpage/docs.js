// Shows /openapi.json: each route with its fields, answers, errors and a curl
// example. Everything is put into the page as text, never as HTML.
"use strict";

const methods = ["get", "post", "put", "patch", "delete"];
let api;

function el(name, options = {}, ...children) {
  const node = Object.assign(document.createElement(name), options);
  node.append(...children);
  return node;
}

function resolve(thing) {
  if (!thing || !thing.$ref) return thing || {};
  return thing.$ref.slice(2).split("/").reduce((at, name) => at[name], api);
}

function typeOf(schema) {
  if (!schema) return "";
  if (schema.$ref) return typeOf(resolve(schema));
  if (schema.anyOf) return [...new Set(schema.anyOf.map(typeOf))].join(" or ");
  if (schema.enum) return schema.enum.join(", ");
  if (schema.type === "array") return "list of " + typeOf(schema.items);
  const kind = [].concat(schema.type || "any").join(" or ");
  return schema.format === "date-time" ? "time" : kind;
}

// fields walks over all fields of a schema, inner ones with their path.
function fields(schema, path = "", seen = []) {
  if (schema && schema.$ref) {
    if (seen.includes(schema.$ref)) return [];
    seen = [...seen, schema.$ref];
  }
  const s = resolve(schema);
  if (s.anyOf) return fields(s.anyOf[0], path, seen);
  if (s.type === "array") return fields(s.items, path + "[]", seen);
  return Object.entries(s.properties || {}).flatMap(([name, p]) => {
    const at = path ? path + "." + name : name;
    const row = { name: at, type: typeOf(p), text: p.description || "", needed: (s.required || []).includes(name), initial: p.default };
    return [row, ...fields(p, at, seen)];
  });
}

function table(rows, showNeeded) {
  return el("table", {}, ...rows.map((row) => {
    const name = el("td", {}, el("code", { textContent: row.name }));
    if (showNeeded && row.needed) name.append(" ", el("span", { className: "needed", textContent: "needed" }));
    const said = row.text.replaceAll("`", "");
    const text = row.initial === undefined ? said : `${said} Default: ${JSON.stringify(row.initial)}.`;
    return el("tr", {}, name, el("td", { textContent: row.type }), el("td", { textContent: text }));
  }));
}

function example(schema, name = "") {
  const s = resolve(schema);
  if (s.anyOf) return example(s.anyOf[0]);
  if (s.default !== undefined) return s.default;
  if (s.enum) return s.enum[0];
  if (s.type === "array") return [example(s.items)];
  if (s.type === "object") {
    const wanted = s.required && s.required.length ? s.required : Object.keys(s.properties || {}).slice(0, 3);
    return Object.fromEntries(wanted.map((key) => [key, example(s.properties[key], key)]));
  }
  if (s.type === "boolean") return true;
  if (s.type === "integer" || s.type === "number") return 1;
  return name === "email" ? "ann@example.com" : name === "password" ? "correct horse" : "...";
}

function curl(method, path, op) {
  const lines = [`curl ${method === "get" ? "" : "-X " + method.toUpperCase() + " "}'${location.origin}${path.replace(/\{(\w+)\}/g, (_, name) => name.toUpperCase())}'`];
  const open = (op.security || []).some((s) => Object.keys(s).length === 0);
  if (!open) lines.push(`-H "Authorization: Bearer $TOKEN"`);
  const parameters = (op.parameters || []).map(resolve);
  if (parameters.some((p) => p.name === "Idempotency-Key")) lines.push(`-H 'Idempotency-Key: 1'`);
  const body = op.requestBody && op.requestBody.content["application/json"];
  if (body) lines.push(`-H 'Content-Type: application/json'`, `-d '${JSON.stringify(example(body.schema))}'`);
  return lines.join(" \\\n  ");
}

function answers(op) {
  const parts = [];
  for (const [status, answer] of Object.entries(op.responses).filter(([status]) => status < 300)) {
    parts.push(el("h3", { textContent: `${status} ${resolve(answer).description}` }));
    const content = Object.values(resolve(answer).content || {})[0];
    if (content && status !== "201") parts.push(table(fields(content.schema), false));
  }
  return parts;
}

function errors(op) {
  const rows = Object.entries(op.responses).filter(([status]) => status >= 300).map(([status, answer]) => ({
    name: status, type: "", text: resolve(answer).description.replaceAll("\n\n", " "),
  }));
  return [el("h3", { textContent: "Errors" }), table(rows, false)];
}

function section(method, path, op) {
  const node = el("section", { id: op.operationId });
  node.append(
    el("h2", {}, el("span", { className: "method " + method, textContent: method.toUpperCase() }), el("span", { className: "path", textContent: path })),
    el("p", { textContent: op.summary + "." }), el("p", { className: "who", textContent: op.description }),
  );
  const parameters = (op.parameters || []).map(resolve);
  if (parameters.length) {
    node.append(el("h3", { textContent: "Parameters" }), table(parameters.map((p) => ({
      name: p.name, type: `${p.in}, ${typeOf(p.schema)}`, text: p.description || "", needed: p.required, initial: p.schema.default,
    })), true));
  }
  const body = op.requestBody && op.requestBody.content["application/json"];
  if (body) node.append(el("h3", { textContent: "Body" }), table(fields(body.schema), true));
  node.append(...answers(op), ...errors(op), el("h3", { textContent: "Example" }), el("pre", { textContent: curl(method, path, op) }));
  return node;
}

function build() {
  const main = document.getElementById("main");
  const index = document.getElementById("index");
  main.replaceChildren(el("h1", { textContent: api.info.title + " API" }),
    ...api.info.description.split("\n\n").map((text) => el("p", { textContent: text })),
    el("p", {}, "For programs: ", el("a", { href: "/openapi.json", textContent: "/openapi.json" }), ", OpenAPI " + api.openapi + "."));
  const entries = [];
  for (const tag of api.tags) {
    const group = el("div", {}, el("h2", { textContent: tag.name }));
    for (const [path, item] of Object.entries(api.paths)) {
      for (const method of methods.filter((m) => item[m] && item[m].tags.includes(tag.name))) {
        const op = item[method];
        const node = section(method, path, op);
        const link = el("a", { href: "#" + op.operationId }, el("span", { className: "method " + method, textContent: method.toUpperCase() }),
          el("span", { className: "path", textContent: path.replace("/v1", "") }));
        main.append(node);
        group.append(link);
        entries.push({ node, link, group, words: (method + " " + node.textContent).toLowerCase() });
      }
    }
    index.append(group);
  }
  return entries;
}

function searchIn(entries) {
  const box = document.getElementById("search");
  box.addEventListener("input", () => {
    const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const e of entries) e.node.hidden = e.link.hidden = !words.every((w) => e.words.includes(w));
    for (const e of entries) e.group.hidden = !entries.some((o) => o.group === e.group && !o.link.hidden);
  });
}

fetch("/openapi.json").then((r) => r.json()).then((document_) => {
  api = document_;
  searchIn(build());
  if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
}).catch((error) => {
  document.getElementById("state").textContent = "The description could not be loaded: " + error.message;
});
