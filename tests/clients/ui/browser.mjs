// What all suites of the web UI share: a browser, checks, and what no page may do.
import { createRequire } from "node:module";
import fs from "node:fs";
import path from "node:path";

const require = createRequire(path.join(process.env.NODE_PATH, "x.js"));
const { chromium } = require("playwright-core");
const axeSource = fs.readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

export const launch = () =>
  chromium.launch({
    executablePath: "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"],
  });

export function check(what, holds) {
  if (!holds) throw new Error(`${what} does not hold`);
}

/** A page that remembers what went wrong in it. `allowed`: texts of the console that are meant. */
export async function openPage(browser, url, { width = 1440, scheme = "dark", allowed = [], ...options } = {}) {
  const context = await browser.newContext({ colorScheme: scheme, viewport: { width, height: width < 600 ? 844 : 900 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  const problems = [];
  page.on("pageerror", (error) => problems.push(`error: ${error}`));
  page.on("console", (message) => {
    if (message.type() === "error" && !allowed.some((text) => message.text().includes(text))) problems.push(`console: ${message.text()}`);
  });
  page.on("request", (request) => {
    if (!request.url().startsWith(url) && !request.url().startsWith("data:") && !request.url().startsWith("blob:")) problems.push(`${request.url()} is not ours`);
  });
  page.on("dialog", (dialog) => {
    problems.push(`a dialogue: ${dialog.message()}`);
    void dialog.dismiss();
  });
  return { page, problems, context };
}

/** Waits until the page has its heading and no part of it still waits for its first answer. */
export async function settled(page, heading) {
  await page.getByRole("heading", { level: 1, name: heading }).waitFor().catch((error) => {
    throw new Error(`${page.url()} has no heading ${heading}: ${error.message}`);
  });
  await page.waitForFunction(() => document.querySelectorAll('#main [role="status"][aria-label="Loading"]').length === 0);
}

/** No part is beyond the right edge. */
export async function fits(page, where) {
  const over = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  check(`no sideways scrolling of ${where} (${over} px)`, over <= 0);
}

/** What axe-core finds serious or critical, as lines. */
export async function axe(page, where) {
  // The policy lets no script stand inside of the page: it is evaluated by the debugger.
  await page.evaluate(axeSource);
  const found = await page.evaluate(async () => {
    const { violations } = await globalThis.axe.run(document, { resultTypes: ["violations"] });
    return violations
      .filter(({ impact }) => impact === "serious" || impact === "critical")
      .map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.slice(0, 3).map((node) => `${node.html.slice(0, 200)} (${node.failureSummary?.replace(/\s+/g, " ").slice(0, 300)})`).join(" | ")}`);
  });
  check(`no serious finding of axe-core at ${where}: ${found.join("; ")}`, found.length === 0);
}
