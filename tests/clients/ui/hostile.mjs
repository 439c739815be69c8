// Texts that others chose: markup, bidi, ten thousand letters, null bytes. They are shown as text, and nothing runs.
import { axe, check, fits, openPage, settled } from "./browser.mjs";

export async function run({ browser, url }) {
  const policy = (await fetch(url)).headers.get("content-security-policy") ?? "";
  check(`a strict policy: ${policy}`, policy.includes("default-src 'none'") && policy.includes("script-src 'self'") && !policy.includes("unsafe"));
  const alerts = await (await fetch(`${url}/am/api/v2/alerts`)).json();
  const fingerprint = alerts[0].fingerprint;
  for (const width of [1440, 390]) {
    const { page, problems, context } = await openPage(browser, url, { width });
    for (const [address, heading] of [
      ["/", "Overview"],
      ["/alerts", "Alerts"],
      [`/alerts/one/${fingerprint}`, "Hostile"],
      ["/alerts/rules", /.+/],
      ["/alerts/history", /.+/],
      ["/explore?q=hostile_metric&view=table", "Explore"],
      ["/explore?q=hostile_metric", "Explore"],
      ["/system/cardinality", /.+/],
    ]) {
      const where = `${address} at ${width}`;
      await page.goto(url + address);
      await settled(page, heading);
      if (address !== "/system/cardinality" && address !== "/alerts/rules") await page.locator("#main").getByText(/hostile/i).first().waitFor();
      const made = await page.evaluate(() => document.querySelectorAll('#main img[src="x"], #main script, a[href^="javascript:"]').length);
      check(`nothing of theirs is an element in ${where} (${made})`, made === 0);
      await fits(page, where);
      await axe(page, where);
      check(`no errors in ${where}: ${problems.join("; ")}`, problems.length === 0);
    }
    await context.close();
  }
}
