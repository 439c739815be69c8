// The server goes away under an open page, and comes back: READY and GONE tell the other side when to act.
import { check, openPage, settled } from "./browser.mjs";

export async function run({ browser, url }) {
  const { page, problems } = await openPage(browser, url, { allowed: ["Failed to load resource", "ERR_CONNECTION_REFUSED", "net::ERR"] });
  await page.goto(`${url}/system/status`);
  await settled(page, "Status");
  await page.getByLabel(/^Server: (Live|Ready)/).waitFor();
  await page.evaluate(() => { window.isSame = true; });
  console.log("READY");
  await page.getByText("The server cannot be reached").first().waitFor();
  console.log("GONE");
  await page.getByText("The server cannot be reached").first().waitFor({ state: "detached", timeout: 60_000 });
  await page.getByLabel(/^Server: (Live|Ready)/).waitFor();
  // Another page is fetched from the new server, in the same document.
  await page.getByRole("navigation", { name: "Pages", exact: true }).getByText("Explore").click();
  await settled(page, "Explore");
  check("the document was not loaded anew", await page.evaluate(() => window.isSame === true));
  check(`no errors: ${problems.join("; ")}`, problems.length === 0);
}
