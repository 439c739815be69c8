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
      const where = `${width} ${colorScheme}`;
      page.on("pageerror", (error) => problems.push(String(error)));
      page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
      page.on("request", (request) => {
        if (!request.url().startsWith(url)) problems.push(`${request.url()} is not ours`);
      });
      const settle = async (view) => {
        const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
        check(`no sideways scrolling of ${view} at ${where}`, overflow <= 0);
        if (shots) {
          await page.screenshot({ path: path.join(shots, `${view}-${width}-${colorScheme}.png`), fullPage: true });
        }
      };
      const open = (name) => page.getByRole("navigation").getByText(name, { exact: true }).click();

      // Suggestions may open at any time: Escape closes them, and the button runs in any case.
      const run = async () => {
        await page.getByRole("combobox", { name: "PromQL expression" }).press("Escape");
        await page.getByRole("button", { name: "Run" }).click();
      };
      const shown = (view, text) => page.locator(`#view-${view}`).getByText(text).first().waitFor();

      await page.goto(url);
      await shown("overview", "Time to first token p95");
      await shown("overview", "meridian");
      await settle("overview");

      await open("Explore");
      const editor = page.getByRole("combobox", { name: "PromQL expression" });
      await editor.fill("sum by (job) (up)");
      await run();
      await shown("explore", "ai-daemon");
      await settle("explore");
      // The address can be shared: a fresh page with it shows the same.
      const shared = await context.newPage();
      await shared.goto(page.url());
      const theirs = shared.getByRole("combobox", { name: "PromQL expression" });
      check("the query is in the address", (await theirs.inputValue()) === "sum by (job) (up)");
      await shared.close();
      // A wrong expression says what is wrong.
      await editor.fill("sum by (");
      await run();
      await shown("explore", /parse error/);

      await open("Targets");
      await shown("targets", "demo-ai-daemon");
      await settle("targets");
      await open("Storage");
      await shown("storage", "gen_ai_client_operation_duration_seconds_bucket");
      await settle("storage");
      await open("Status");
      await shown("status", "0.1.0");
      await settle("status");
      // The wrong expression above is answered with 400, which the browser logs.
      const unexpected = problems.filter((problem) => !problem.includes("400 (Bad Request)"));
      check(`no errors at ${where}: ${unexpected.join("; ")}`, unexpected.length === 0);
      await context.close();
    }
  }
  console.log("page: ok");
} finally {
  await browser.close();
}
