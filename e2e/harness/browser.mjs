// A real browser without a screen: Debian's Chromium, driven from outside.

import { existsSync } from "node:fs";

import { chromium } from "playwright-core";

const CANDIDATES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

const QUIET = [
  "--headless",
  "--no-sandbox", // tests run as root in CI, and visit nothing but loopback
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Starts the browser; EVENKEEL_CHROMIUM names another than the usual one. */
export async function launch() {
  const executablePath = process.env.EVENKEEL_CHROMIUM ?? CANDIDATES.find((path) => existsSync(path));
  if (!executablePath) throw new Error("no Chromium found: sudo apt-get install --no-install-recommends chromium");
  return chromium.launch({ executablePath, args: QUIET });
}

/**
 * Opens a page and collects what it complains about.
 * @param {import("playwright-core").Browser} browser
 * @param {string} url
 */
export async function open(browser, url) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, deviceScaleFactor: 1 });
  const page = await context.newPage();
  const complaints = [];
  page.on("pageerror", (err) => complaints.push(`error: ${err.message}`));
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(`${message.type()}: ${message.text()}`);
  });
  page.on("request", (request) => {
    if (new URL(request.url()).origin !== new URL(url).origin) complaints.push(`request to another site: ${request.url()}`);
  });
  await page.goto(url);
  return { page, complaints, close: () => context.close() };
}
