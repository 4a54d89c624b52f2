// The HTTP API, as a program would call it.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";

import { ADMIN_EMAIL, ADMIN_PASSWORD } from "./server.mjs";

/**
 * Calls the API and returns status and body; a status is not judged here.
 * @param {string} base
 * @param {string} route such as "GET /v1/chats"
 * @param {{token?: string, body?: unknown, key?: string}} [options]
 */
export async function call(base, route, { token, body, key } = {}) {
  const [method, path] = route.split(" ");
  const headers = { accept: "application/json" };
  if (token) headers.authorization = `Bearer ${token}`;
  if (body !== undefined) headers["content-type"] = "application/json";
  if (key) headers["idempotency-key"] = key;
  const answer = await fetch(base + path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  const text = await answer.text();
  let parsed = null;
  if (text !== "") {
    try {
      parsed = JSON.parse(text);
    } catch {
      throw new Error(`${route} answered ${answer.status} with what is not JSON: ${text.slice(0, 200)}`);
    }
  }
  return { status: answer.status, body: parsed, type: answer.headers.get("content-type") ?? "" };
}

/** Calls the API and wants success. Returns the body. */
export async function ok(base, route, options) {
  const answer = await call(base, route, options);
  assert.ok(answer.status >= 200 && answer.status < 300, `${route}: ${answer.status} ${JSON.stringify(answer.body)}`);
  return answer.body;
}

/** Calls the API and wants a refusal with this status and code. */
export async function refused(base, route, status, code, options) {
  const answer = await call(base, route, options);
  assert.equal(answer.status, status, `${route}: ${JSON.stringify(answer.body)}`);
  assert.match(answer.type, /^application\/problem\+json/);
  assert.equal(answer.body.code, code, JSON.stringify(answer.body));
  return answer.body;
}

export async function login(base, email = ADMIN_EMAIL, password = ADMIN_PASSWORD) {
  return ok(base, "POST /v1/auth/login", { body: { email, password } });
}

export async function visitor(base) {
  return ok(base, "POST /v1/visitors", { body: {} });
}

/** Sends a message over HTTP. The key makes a repetition harmless. */
export async function send(base, token, chat, text, { kind, key = randomUUID() } = {}) {
  return ok(base, `POST /v1/chats/${chat}/messages`, { token, key, body: kind ? { text, kind } : { text } });
}

/** All messages of a chat in order, over as many pages as there are. */
export async function messages(base, token, chat) {
  const all = [];
  for (let cursor = ""; cursor !== null; ) {
    const page = await ok(base, `GET /v1/chats/${chat}/messages?limit=200${cursor && `&cursor=${encodeURIComponent(cursor)}`}`, { token });
    all.push(...page.items);
    cursor = page.next;
  }
  return all;
}
