// Every page as it is at first sight: four sizes and colours, nothing wrong in the console, nothing serious for axe-core.
import path from "node:path";
import { axe, check, fits, openPage, settled } from "./browser.mjs";

/** Address, heading, and a text that only a page that works has. */
const PAGES = [
  ["/", "Overview", "Firing alerts"],
  ["/explore?q=sum by (job) (up)", "Explore", "ai-daemon"],
  ["/ai", "AI", "meridian"],
  ["/alerts", "Alerts", ""],
  ["/alerts/rules", "Rules", "ToolCallsFail"],
  ["/alerts/silences", "Silences", ""],
  ["/alerts/history", "History", ""],
  ["/alerts/routes", "Routes", "demo-chat"],
  ["/alerts/backtest", "Backtest", ""],
  ["/alerts/simulate", "Simulate", ""],
  ["/health", "Health", "daemon-ready"],
  ["/health/probes/daemon-ready", /daemon-ready/, ""],
  ["/health/entities/provider%2Fmeridian", /meridian/, ""],
  ["/objectives", "Objectives", "answers"],
  ["/objectives/ai-daemon%2Fanswers", /answers/, "Who spends it"],
  ["/forecasts", "Forecasts", "disk"],
  ["/scaling", "Scaling", "requests"],
  ["/dashboards", "Dashboards", ""],
  ["/dashboards/import", /Import/, ""],
  ["/system/targets", "Targets", "ai-daemon"],
  ["/system/discovery", "Discovery", ""],
  ["/system/cardinality", "Cardinality", ""],
  ["/system/storage", "Storage", ""],
  ["/system/config", "Configuration", "scrape_configs"],
  ["/system/queries", "Queries", ""],
  ["/system/status", "Status", ""],
  ["/public", "Status", "Models of meridian"],
];

export async function run({ browser, url, shots }) {
  for (const [width, scheme] of [[1440, "dark"], [1440, "light"], [390, "dark"], [390, "light"]]) {
    const { page, problems, context } = await openPage(browser, url, { width, scheme });
    for (const [address, heading, text] of PAGES) {
      const where = `${address} at ${width} ${scheme}`;
      await page.goto(url + encodeURI(address).replaceAll("%25", "%"));
      await settled(page, heading);
      if (text) {
        const found = page.locator("body").getByText(text).filter({ visible: true }).first();
        await found.waitFor().catch((error) => { throw new Error(`${where} does not show ${text}: ${error.message}`); });
      }
      const failures = await page.locator("#main").getByRole("alert").allInnerTexts();
      check(`nothing failed at ${where}: ${failures.join("; ")}`, failures.length === 0);
      await fits(page, where);
      if (shots) await page.screenshot({ path: path.join(shots, `${address.replace(/[^a-z]+/g, "-").replace(/^-|-$/g, "") || "overview"}-${width}-${scheme}.png`), fullPage: true });
      await axe(page, where);
      check(`no errors at ${where}: ${problems.join("; ")}`, problems.length === 0);
    }
    await context.close();
  }
}
