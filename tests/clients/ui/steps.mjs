// What the suites that use pages share: a page with its address, its way back, and somebody else who opens the same address.
import path from "node:path";
import { check, openPage, settled } from "./browser.mjs";

/** Begins a fault of the demo. */
export async function beginFault(url, fault) {
  const targets = (await (await fetch(`${url}/api/v1/targets`)).json()).data.activeTargets;
  const daemon = targets.find(({ labels }) => labels.job === "ai-daemon");
  const answer = await fetch(new URL("/faults", daemon.scrapeUrl), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ fault, seconds: 3_600 }),
  });
  check(`${fault} can be begun (${answer.status})`, answer.ok);
}

/** Breaks a provider of the demo, and waits until the server knows. */
export async function breakProvider(url) {
  await beginFault(url, "provider_down");
  for (let tries = 0; tries < 600; tries += 1) {
    const alerts = await (await fetch(`${url}/am/api/v2/alerts`)).json();
    if (alerts.some(({ labels }) => labels.alertname === "ProviderEntityDown")) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error("ProviderEntityDown does not fire within a minute");
}

/** Presses Tab until what has the focus is what is looked for. */
export async function tabTo(page, matches, what) {
  for (let presses = 0; presses < 150; presses += 1) {
    if (await page.evaluate(matches)) return;
    await page.keyboard.press("Tab");
  }
  throw new Error(`Tab does not lead to ${what}`);
}

/** Waits until a parameter of the address is this: a text, an expression, or null for not there. */
export async function param(page, name, wanted) {
  const holds = (address) => {
    const value = address.searchParams.get(name);
    return wanted instanceof RegExp ? value !== null && wanted.test(value) : value === wanted;
  };
  await page.waitForURL(holds).catch(() => { throw new Error(`${name} in ${page.url()} is not ${wanted}`); });
}

/** One of a row of choices. */
export const choose = (page, group, name) => page.getByRole("radiogroup", { name: group }).getByText(name, { exact: true }).click();

/** One of the list under a field. */
export async function pick(page, field, name) {
  await page.getByRole("combobox", { name: field, exact: true }).or(page.getByRole("textbox", { name: field, exact: true })).first().click();
  await page.getByRole("option", { name, exact: typeof name === "string" }).first().click();
}

/** Where something is, once it does not move: what is above it may still be coming. */
async function steadyBox(locator) {
  let before = "";
  for (let tries = 0; tries < 100; tries += 1) {
    const box = await locator.boundingBox();
    const now = JSON.stringify(box);
    if (box && now === before) return box;
    before = now;
    await locator.page().evaluate(() => new Promise((resolve) => setTimeout(resolve, 150)));
  }
  throw new Error(`it does not stop moving: ${before}`);
}

/** Drags over a chart, from one share of its width to another. */
export async function drag(page, chart, from, to) {
  const over = page.locator(`[data-chart="${chart}"] .u-over, [data-heatmap="${chart}"] .u-over`).first();
  await over.scrollIntoViewIfNeeded();
  const { x, y, width, height } = await steadyBox(over);
  await page.mouse.move(x + width * from, y + height / 2);
  await page.mouse.down();
  await page.mouse.move(x + width * to, y + height / 2, { steps: 8 });
  await page.mouse.up();
}

export const seen = (page, text) => page.locator("body").getByText(text).filter({ visible: true }).first().waitFor().catch((error) => { throw new Error(`${page.url()} does not show ${text}: ${error.message}`); });
export const gone = (locator) => locator.first().waitFor({ state: "detached" });

/** Uses a page; nothing may go wrong in it. `allowed`: texts of the console that are meant. */
export async function using({ browser, url, shots }, name, run, allowed = []) {
  const begun = Date.now();
  const { page, problems, context } = await openPage(browser, url, { allowed });
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await run({
    page, url,
    open: async (address, heading) => {
      await page.goto(url + address);
      await settled(page, heading);
    },
    /** Somebody else opens the address, and finds the same. */
    shared: async (holds) => {
      const other = await openPage(browser, url);
      await other.page.goto(page.url());
      await holds(other.page);
      check(`no errors in ${page.url()} of somebody else: ${other.problems.join("; ")}`, other.problems.length === 0);
      await other.context.close();
    },
    /** The way back leads to what was before. */
    back: async (holds) => {
      await page.goBack();
      await holds(page);
    },
  }).catch(async (error) => {
    if (shots) await page.screenshot({ path: path.join(shots, `failed-${name.replace(/[^A-Za-z]+/g, "-")}.png`), fullPage: true });
    const text = await page.locator("#main").innerText({ timeout: 1000 }).catch(() => "nothing");
    throw new Error(`${name}, at ${page.url()}, ${problems.length} problems (${problems.join("; ")}); shown: ${text.slice(0, 2000)}`, { cause: error });
  });
  check(`${name}: no errors: ${problems.join("; ")}`, problems.length === 0);
  await context.close();
  console.log(`${name}: ${((Date.now() - begun) / 1000).toFixed(1)} s`);
}
