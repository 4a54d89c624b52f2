// The two-pane page in a real browser: one person holds a chat with himself.

import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { launch, open } from "../harness/browser.mjs";
import { Proxy } from "../harness/proxy.mjs";
import { ADMIN_EMAIL, ADMIN_PASSWORD, Server } from "../harness/server.mjs";
import { until } from "../harness/wait.mjs";

const results = fileURLToPath(new URL("../test-results/", import.meta.url));

let server, proxy, browser;

before(async () => {
  server = await Server.start();
  proxy = await Proxy.start(server.port);
  browser = await launch();
  await mkdir(results, { recursive: true });
});

after(async () => {
  await browser?.close();
  await proxy?.stop();
  await server?.stop();
});

/** One side of the page, as somebody sees it. */
class Side {
  constructor(page, name) {
    this.pane = page.getByRole("region", { name, exact: true });
  }

  button(name) {
    return this.pane.getByRole("button", { name, exact: true });
  }

  field(name) {
    return this.pane.getByLabel(name, { exact: true });
  }

  /**
   * Writes as a person does: into a box that he sees, key by key, and Enter. An
   * earlier chat in wrap-up has one that is hidden, until the new chat is there.
   */
  async write(text) {
    const box = this.pane.getByPlaceholder("Write a message");
    await box.click();
    await box.pressSequentially(text);
    await box.press("Enter");
  }

  bubbles() {
    return this.pane.locator(".bubble").allTextContents();
  }

  async shows(expected) {
    await until(`${JSON.stringify(expected)}`, async () => {
      const shown = await this.bubbles();
      return JSON.stringify(shown) === JSON.stringify(expected);
    }).catch(async (err) => {
      const page = await this.pane.page().locator("body").innerText();
      assert.deepEqual(await this.bubbles(), expected, `${err.message}; the page shows:\n${page}`);
    });
  }
}

test("a chat from both sides, through a cut, to the rating", async (t) => {
  const { page, complaints, close } = await open(browser, proxy.url);
  t.after(close);
  t.after(() => page.screenshot({ path: path.join(results, "last.png") }).catch(() => {}));
  const customer = new Side(page, "Customer");
  const agent = new Side(page, "Agent");

  await agent.field("E-mail").fill(ADMIN_EMAIL);
  await agent.field("Password").fill(ADMIN_PASSWORD);
  await agent.button("Sign in").click();
  await agent.button("Online").click();
  await until("the agent is online", async () => (await agent.button("Online").getAttribute("aria-pressed")) === "true");

  await customer.field("Your name").fill("Robin");
  await customer.field("Message").fill("Hello! My order has not arrived.");
  await customer.button("Start chat").click();
  await agent.button("Accept").click();

  const talk = ["Hello! My order has not arrived."];
  const say = async (side, text) => {
    await side.write(text);
    talk.push(text);
    await customer.shows(talk);
    await agent.shows(talk);
  };
  await say(agent, "Good morning, Robin. Which order is it?");
  await say(customer, "Number 4711, a blue teapot.");
  await say(agent, "I see it: it left us on Tuesday and should reach you today.");

  await agent.field("Note").check();
  await agent.pane.getByPlaceholder("Write a note; the customer cannot see it").fill("Second late parcel for Robin this year.");
  await agent.button("Send").click();
  await agent.pane.getByRole("note").getByText("Second late parcel").waitFor();
  await agent.field("Note").uncheck();
  await say(customer, "That is good to know, thank you!");
  assert.ok(!(await customer.pane.innerText()).includes("Second late parcel"), "the customer sees the note");

  await until("the agent has seen it", async () => /Seen/.test(await customer.pane.locator(".tick").last().innerText()));
  await agent.pane.locator(".badge").waitFor({ state: "detached" });
  await page.screenshot({ path: path.join(results, "page.png"), animations: "disabled" });

  // The network goes away while both write. Nothing is lost, nothing doubled.
  proxy.cut();
  await customer.pane.getByText("The connection is lost.").waitFor();
  await agent.pane.getByText("The connection is lost.").waitFor();
  await customer.write("Are you still there?");
  await customer.pane.getByText("Waiting to be sent").waitFor();
  proxy.mend();
  talk.push("Are you still there?");
  await customer.shows(talk);
  await agent.shows(talk);
  await say(agent, "I am.");

  await agent.button("Close chat").click();
  await customer.pane.getByText("The agent ended this chat.").waitFor();
  await agent.field("Tags, with commas between").fill("order");
  await agent.button("Done").click();
  await customer.button("5 of 5").click();
  await customer.pane.getByText("Thank you. You gave 5 of 5.").waitFor();
  await agent.pane.getByText("No chats.").waitFor();

  const lost = /ERR_|WebSocket connection/; // the browser's own words about the cut
  assert.deepEqual(complaints.filter((c) => !lost.test(c)), []);
});

test("reloading the page in the middle keeps both sides", async (t) => {
  const { page, complaints, close } = await open(browser, server.url);
  t.after(close);
  const customer = new Side(page, "Customer");
  const agent = new Side(page, "Agent");
  await agent.field("E-mail").fill(ADMIN_EMAIL);
  await agent.field("Password").fill(ADMIN_PASSWORD);
  await agent.button("Sign in").click();
  await agent.button("Online").click();
  await customer.field("Message").fill("<b>markup</b> & text");
  await customer.button("Start chat").click();
  await agent.button("Accept").click();
  await agent.write("It is only text.");
  const talk = ["<b>markup</b> & text", "It is only text."];
  await customer.shows(talk);
  await page.reload();
  await customer.shows(talk);
  await agent.shows(talk);
  await customer.button("End chat").click();
  await customer.pane.getByText("You ended this chat.").waitFor();
  assert.deepEqual(complaints, []);
});

for (const way of ["http_stream", "sse"]) {
  test(`where WebSockets do not get through, the page takes ${way} by itself`, async (t) => {
    const plain = await Proxy.start(server.port, { plain: true });
    const { page, complaints, close } = await open(browser, "about:blank");
    t.after(async () => {
      await close();
      await plain.stop();
    });
    if (way === "sse") await page.route("**/connection/http_stream", (route) => route.abort());
    const streams = [];
    page.on("response", (answer) => answer.url().includes(`/connection/${way}`) && streams.push(answer.status()));
    complaints.length = 0;
    await page.goto(plain.url);
    const customer = new Side(page, "Customer");
    const agent = new Side(page, "Agent");
    await agent.field("E-mail").fill(ADMIN_EMAIL);
    await agent.field("Password").fill(ADMIN_PASSWORD);
    await agent.button("Sign in").click();
    await agent.button("Online").click();
    await customer.field("Message").fill("Hello through a strict network");
    await customer.button("Start chat").click();
    await agent.button("Accept").click();
    await agent.write("Good morning.");
    await customer.shows(["Hello through a strict network", "Good morning."]);
    await customer.write("It works.");
    await agent.shows(["Hello through a strict network", "Good morning.", "It works."]);
    assert.deepEqual([...new Set(streams)], [200], "by streams, and no other way");
    await customer.button("End chat").click();
    await customer.pane.getByText("You ended this chat.").waitFor();
  });
}

test("the first-run link signs in once", async (t) => {
  const fresh = await Server.start({ password: null });
  t.after(() => fresh.stop());
  const link = (await until("the link is printed", () => /https?:\/\/\S+\/start#t=[^\s"'<>]+/.exec(fresh.log)))[0];
  assert.equal(new URL(link).port, String(fresh.port), "the link leads to this server");

  const first = await open(browser, link);
  const agent = new Side(first.page, "Agent");
  await agent.button("Online").click();
  await until("the agent is online", async () => (await agent.button("Online").getAttribute("aria-pressed")) === "true");
  assert.ok(!first.page.url().includes("#"), "the token stays in no history");
  await first.close();

  const second = await open(browser, link);
  await new Side(second.page, "Agent").pane.getByText("The link did not sign you in.").waitFor();
  await second.close();
});
