// Texts that others chose: markup, bidi, ten thousand letters, null bytes. They are shown as text, and nothing runs.
import { axe, check, fits, openPage, settled } from "./browser.mjs";

export async function run({ browser, url }) {
  const policy = (await fetch(url)).headers.get("content-security-policy") ?? "";
  check(`a strict policy: ${policy}`, policy.includes("default-src 'none'") && policy.includes("script-src 'self'") && !policy.includes("unsafe"));
  const alerts = await (await fetch(`${url}/am/api/v2/alerts`)).json();
  const fingerprint = alerts[0].fingerprint;
  for (const width of [1440, 390]) {
    const { page, problems, context } = await openPage(browser, url, { width });
    const named = (page) => page.locator("#main").getByText(/hostile/i);
    for (const [address, heading, shown] of [
      ["/", "Overview", named],
      ["/alerts", "Alerts", named],
      [`/alerts/one/${fingerprint}`, "Hostile", named],
      ["/alerts/rules", "Rules", named],
      ["/alerts/history", "History", named],
      ["/explore?q=hostile_metric&view=table", "Explore", (page) => page.locator("#main [data-row]").filter({ hasText: "<img src=x" })],
      ["/explore?q=hostile_metric", "Explore", (page) => page.locator("#main [data-chart] canvas")],
      ["/system/cardinality", "Cardinality", named],
    ]) {
      const where = `${address} at ${width}`;
      await page.goto(url + address);
      await settled(page, heading);
      await shown(page).first().waitFor().catch((error) => { throw new Error(`${where}: ${error.message}`); });
      const made = await page.evaluate(() => document.querySelectorAll('#main img[src="x"], #main script, a[href^="javascript:"]').length);
      check(`nothing of theirs is an element in ${where} (${made})`, made === 0);
      await fits(page, where);
      await axe(page, where);
      check(`no errors in ${where}: ${problems.join("; ")}`, problems.length === 0);
    }
    await context.close();
  }
}
