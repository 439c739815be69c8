// Drives the page of a running demo in headless Chromium: page.mjs URL [SCREENSHOT-FOLDER].
import { createRequire } from "node:module";
import path from "node:path";

const require = createRequire(path.join(process.env.NODE_PATH, "x.js"));
const { chromium } = require("playwright-core");
const [url, shots] = process.argv.slice(2);

const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"],
});
const check = (what, holds) => {
  if (!holds) throw new Error(`${what} does not hold`);
};
try {
  for (const colorScheme of ["dark", "light"]) {
    for (const width of [1440, 390]) {
      const context = await browser.newContext({ colorScheme, viewport: { width, height: 900 } });
      const page = await context.newPage();
      const problems = [];
      page.on("pageerror", (error) => problems.push(String(error)));
      page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
      page.on("request", (request) => check(`${request.url()} is ours`, request.url().startsWith(url)));
      await page.goto(url);
      await page.getByRole("textbox", { name: /PromQL|query|expression/i }).first().fill("up");
      await page.keyboard.press("Enter");
      await page.getByText(/up\{|job=/).first().waitFor();
      await page.getByText(/bellwether/i).first().waitFor();
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      check(`no sideways scrolling at ${width}`, overflow <= 0);
      check(`no errors at ${width} ${colorScheme}: ${problems.join("; ")}`, problems.length === 0);
      // The address can be shared: a fresh page with it shows the same.
      const shared = await context.newPage();
      await shared.goto(page.url());
      check(
        "the query is in the address",
        (await shared.getByRole("textbox", { name: /PromQL|query|expression/i }).first().inputValue()) === "up",
      );
      if (shots) await page.screenshot({ path: path.join(shots, `page-${width}-${colorScheme}.png`), fullPage: true });
      await context.close();
    }
  }
  console.log("page: ok");
} finally {
  await browser.close();
}
