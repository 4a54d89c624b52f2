// The network of the tests must itself do what it says.

import assert from "node:assert/strict";
import { once } from "node:events";
import net from "node:net";
import { after, before, test } from "node:test";

import { Proxy } from "../harness/proxy.mjs";
import { event, until } from "../harness/wait.mjs";

let echo, proxy;

before(async () => {
  echo = net.createServer((socket) => {
    socket.on("error", () => {});
    socket.pipe(socket);
  });
  echo.listen(0, "127.0.0.1");
  await once(echo, "listening");
  proxy = await Proxy.start(echo.address().port);
});

after(async () => {
  await proxy.stop();
  echo.close();
});

async function dial() {
  const socket = net.connect(proxy.port, "127.0.0.1");
  socket.on("error", () => {});
  await once(socket, "connect");
  return socket;
}

test("the proxy passes bytes on, until it is cut", async () => {
  const socket = await dial();
  socket.write("hello");
  assert.equal(String((await once(socket, "data"))[0]), "hello");

  const closed = event("the connection closes", socket, "close");
  proxy.cut();
  await closed;
  assert.equal(proxy.connections, 0);

  const refused = await dial();
  await event("a new connection is refused", refused, "close");

  proxy.mend();
  const again = await dial();
  again.write("back");
  assert.equal(String((await once(again, "data"))[0]), "back");
  again.destroy();
});

test("the proxy swallows answers on demand", async () => {
  const received = [];
  echo.on("connection", (socket) => socket.on("data", (chunk) => received.push(String(chunk))));
  const socket = await dial();
  const heard = [];
  socket.on("data", (chunk) => heard.push(String(chunk)));

  proxy.swallowAnswers();
  socket.write("a");
  await until("the server has heard it", () => received.join("") === "a");
  proxy.cut();
  await event("the connection closes", socket, "close");
  assert.deepEqual(heard, []);
  proxy.mend();
});
