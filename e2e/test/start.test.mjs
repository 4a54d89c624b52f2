// The first minutes of a cell, and of a process.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import * as http from "../harness/http.mjs";
import { Server } from "../harness/server.mjs";
import { until } from "../harness/wait.mjs";

let server;

before(async () => {
  server = await Server.start({ password: null });
});

after(() => server?.stop());

test("a fresh cell prints the admin's address and a one-time password", async () => {
  const printed = await until("the password is printed", () => /admin@localhost[^\n]*?password:?\s+(\S+)/i.exec(server.log));
  const once = printed[1];
  const login = await http.login(server.url, "admin@localhost", once);
  assert.equal(login.must_change_password, true);
  const chosen = "a better password than that";
  await http.ok(server.url, "POST /v1/auth/password", { token: login.token, body: { old_password: once, new_password: chosen } });
  await http.refused(server.url, "POST /v1/auth/login", 401, "invalid_credentials", { body: { email: "admin@localhost", password: once } });
  const again = await http.login(server.url, "admin@localhost", chosen);
  assert.ok(!again.must_change_password);

  // A second start forms nothing and prints no secret.
  await server.kill();
  server.log = "";
  await server.run();
  assert.ok(!/#t=/.test(server.log), server.log);
  await http.ok(server.url, "GET /v1/auth/me", { token: again.token });
});

test("a process is ready in under a second", async () => {
  const times = [];
  for (let i = 0; i < 3; i++) {
    await server.kill();
    const start = performance.now();
    await server.run();
    times.push(performance.now() - start);
  }
  assert.ok(Math.min(...times) < 1000, `took ${times.map(Math.round)} ms`);
});

test("a second process on the same data is refused with a clear sentence", async () => {
  const rival = await server.rival();
  await assert.rejects(rival.run(), /ended with code 1[\s\S]*(in use|locked|another process)/i);
  await http.ok(server.url, "GET /healthz");
});
