// Why a target is missing: one is down, one was dropped by a rule. With the mouse, and with the keyboard alone.
import { axe, check, openPage, settled } from "./browser.mjs";
import { param, tabTo } from "./steps.mjs";

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
  await page.getByText(/drops targets whose stage matches staging/).first().waitFor();
  console.log(`why a target is missing: ${clicks} clicks, ${((Date.now() - begun) / 1000).toFixed(1)} s`);
  check(`at most five clicks (${clicks})`, clicks <= 5);
  await find.fill("");
  await page.locator('[aria-label="Targets that are down"]').getByText(/refused/i).first().waitFor();
  // The address can be shared, and the way back leads back.
  await find.fill("staging");
  await page.waitForURL(/staging/);
  const { page: shared } = await openPage(browser, url);
  await shared.goto(page.url());
  await shared.getByText(/Rule 1/).first().waitFor();
  check(`no errors: ${problems.join("; ")}`, problems.length === 0);
  await byKeyboard(browser, url);
}

/** The same with the keyboard alone. */
async function byKeyboard(browser, url) {
  const { page, problems } = await openPage(browser, url);
  await page.goto(url);
  await settled(page, "Overview");
  const begun = Date.now();
  for (const key of ["g", "y"]) await page.keyboard.press(key);
  await settled(page, "Targets");
  await tabTo(page, () => document.activeElement?.labels?.[0]?.textContent === "Find a target, or why one is missing", "the field that finds a target");
  await page.keyboard.type("staging");
  await param(page, "find", "staging");
  await page.getByText(/Rule 1/).first().waitFor();
  await page.getByText(/drops targets whose stage matches staging/).first().waitFor();
  await axe(page, "why a target was dropped");

  // One that is down is opened; Escape leads back to where it was opened from.
  await page.keyboard.press("Control+a");
  await page.keyboard.press("Delete");
  await param(page, "find", null);
  const isTarget = () => document.activeElement?.closest('[aria-label="Targets that are down"]') !== null && /127\.0\.0\.1:1\//.test(document.activeElement?.textContent ?? "");
  await tabTo(page, isTarget, "the target that is down");
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").getByText(/refused|connect/i).first().waitFor();
  await axe(page, "why a target is down");
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await page.waitForFunction(isTarget);
  console.log(`why a target is missing, by keyboard: ${((Date.now() - begun) / 1000).toFixed(1)} s`);
  check(`no errors: ${problems.join("; ")}`, problems.length === 0);
}
