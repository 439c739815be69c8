// Why a target is missing: one is down, one was dropped by a rule.
import { check, openPage, settled } from "./browser.mjs";

export async function run({ browser, url }) {
  const { page, problems } = await openPage(browser, url);
  await page.goto(url);
  await settled(page, "Overview");
  const begun = Date.now();
  let clicks = 0;
  const click = async (locator) => {
    await locator.click();
    clicks += 1;
  };
  await click(page.getByRole("navigation", { name: "Pages", exact: true }).getByText("System"));
  await settled(page, "Targets");
  const find = page.getByLabel("Find a target, or why one is missing");
  await click(find);
  await find.fill("staging");
  // The rule that dropped it, and what it saw.
  await page.getByText(/Rule 1/).first().waitFor();
  await page.getByText("drop").first().waitFor();
  console.log(`why a target is missing: ${clicks} clicks, ${((Date.now() - begun) / 1000).toFixed(1)} s`);
  check(`at most five clicks (${clicks})`, clicks <= 5);
  await find.fill("");
  await page.getByText(/refused|connect/i).first().waitFor();
  // The address can be shared, and the way back leads back.
  await find.fill("staging");
  await page.waitForURL(/staging/);
  const { page: shared } = await openPage(browser, url);
  await shared.goto(page.url());
  await shared.getByText(/Rule 1/).first().waitFor();
  check(`no errors: ${problems.join("; ")}`, problems.length === 0);
}
