// client/js where it belongs: in a page of another origin, in a real browser.

import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { launch } from "../harness/browser.mjs";
import { Cell } from "../harness/cell.mjs";
import * as http from "../harness/http.mjs";
import { freePort } from "../harness/server.mjs";

const repository = fileURLToPath(new URL("../..", import.meta.url));

const PAGE = `<!doctype html><title>A shop</title><link rel="icon" href="data:,">
<script type="importmap">{"imports": {"centrifuge": "/e2e/node_modules/centrifuge/build/index.mjs"}}</script>
<script type="module">
  import { connect } from "/client/js/dist/index.js";
  window.start = (options) => (window.connection = connect(options));
  window.loaded = true;
</script>`;

let cell, shop, browser, page, visitor;

before(async () => {
  cell = await Cell.start(3);
  shop = await serveShop();
  const { token } = await http.login(cell.nodes[0].url);
  await http.ok(cell.nodes[0].url, "PUT /v1/workspaces/default", { token, body: { name: "default", origins: [shop.url] } });
  visitor = await http.visitor(cell.nodes[0].url);
  browser = await launch();
  page = await browser.newPage();
});

after(async () => {
  await browser?.close();
  shop?.server.close();
  await cell?.stop();
});

/** Somebody's site, which has the built modules among its files. */
async function serveShop() {
  const server = createServer(async (request, response) => {
    if (!/^\/(client\/js\/dist|e2e\/node_modules\/centrifuge\/build)\/[\w.]+$/.test(request.url)) {
      response.setHeader("content-type", "text/html");
      return response.end(PAGE);
    }
    response.setHeader("content-type", "text/javascript");
    response.end(await readFile(repository + request.url.slice(1)));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { server, url: `http://127.0.0.1:${server.address().port}` };
}

/** Loads the page anew and connects. */
async function visit(endpoints) {
  await page.goto(shop.url);
  await page.waitForFunction("window.loaded");
  await page.evaluate((options) => void start(options), { endpoints, token: visitor.token });
  await page.waitForFunction('connection.centrifuge.state === "connected"', null, { timeout: 10_000 });
}

const node = () => page.evaluate("connection.node");

test("a page loses its node, then all that it was given, and is connected all the same", async () => {
  const dead = `http://127.0.0.1:${await freePort()}`;
  await visit([dead, cell.nodes[0].url]);
  assert.deepEqual(await page.evaluate("[...connection.nodes].sort()"), [dead, ...cell.nodes.map(({ url }) => url)].sort());

  const lost = await node();
  await cell.at(lost).server.kill();
  const elsewhere = (than) => connection.centrifuge.state === "connected" && connection.node !== than;
  await page.waitForFunction(elsewhere, lost, { timeout: 3_000 });

  await visit([dead]); // the others it has from its localStorage
  assert.ok(![dead, lost].includes(await node()));
});
