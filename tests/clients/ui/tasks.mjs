// Five things that a new user wants to do, with the mouse and with the keyboard alone; clicks and seconds are counted.
// The fifth, why a target is missing, is in missing.mjs: the demo misses none.
import { axe, check, openPage, settled } from "./browser.mjs";
import { beginFault, breakProvider, param, tabTo } from "./steps.mjs";

const CLICKS_MAX = 5;
const PROVIDERS = /polaris|meridian/;

async function task(browser, url, name, run) {
  const { page, problems, context } = await openPage(browser, url);
  await page.goto(url);
  await settled(page, "Overview");
  const begun = Date.now();
  let clicks = 0;
  await run(page, async (locator) => {
    await locator.click();
    clicks += 1;
  });
  console.log(`${name}: ${clicks} clicks, ${((Date.now() - begun) / 1000).toFixed(1)} s`);
  check(`${name}: at most ${CLICKS_MAX} clicks (${clicks})`, clicks <= CLICKS_MAX);
  check(`${name}: no errors: ${problems.join("; ")}`, problems.length === 0);
  await context.close();
}

const pages = (page) => page.getByRole("navigation", { name: "Pages", exact: true });

export async function run({ browser, url }) {
  // First the tool: with a provider less there are fewer calls of it.
  await beginFault(url, "tool_slow");
  await slowerThan(url, "database", 2);
  await breakProvider(url);

  await task(browser, url, "find the failing provider", async (page, click) => {
    // It is said at first sight; a click tells more.
    const verdict = page.getByRole("region", { name: "How everything is" });
    // Which one is told: the other one may be down too, as it has all calls.
    const link = verdict.getByRole("link", { name: PROVIDERS }).first();
    const name = await link.innerText();
    await click(link);
    await page.getByRole("heading", { level: 1, name: PROVIDERS }).waitFor();
    const { data } = await (await fetch(`${url}/api/bellwether/v1/entities?kind=provider`)).json();
    const down = data.entities.filter(({ state }) => state === "down").map(({ entity }) => entity);
    check(`what is told, ${name}, is down (${down.join(", ")})`, down.some((entity) => entity.includes(name.trim().replace(/^.*\//, ""))));
    await page.getByRole("heading", { level: 1 }).locator("xpath=..").getByText("down", { exact: true }).waitFor();
  });

  await task(browser, url, "find the tool whose latency grew most", async (page, click) => {
    await click(pages(page).getByText("AI", { exact: true }));
    await click(page.getByRole("navigation", { name: /./ }).getByRole("link", { name: /^Tools/ }));
    await click(page.getByText("Duration", { exact: true }).first());
    await param(page, "by", "latency");
    // The tool that was made slower is the first one.
    await page.getByRole("table", { name: /Tools/ }).locator("[data-row='0']").filter({ hasText: /^\s*database/ }).waitFor();
  });

  await task(browser, url, "silence one alert for two hours", async (page, click) => {
    await click(pages(page).getByText("Alerts"));
    await click(page.getByRole("button", { name: /^Silence .*ProviderEntityDown/ }).first());
    const dialog = page.getByRole("dialog");
    await dialog.getByText(/It hides 1 alert now/).waitFor();
    await axe(page, "the dialogue of silences");
    // Two hours are what is offered: so that the click is one, something else comes before it.
    await dialog.getByText("4 h", { exact: true }).click();
    await click(dialog.getByText("2 h", { exact: true }));
    await click(dialog.getByRole("button", { name: "Silence" }));
    await dialog.waitFor({ state: "detached" });
    const silences = await (await fetch(`${url}/am/api/v2/silences`)).json();
    const hours = (Date.parse(silences[0].endsAt) - Date.parse(silences[0].startsAt)) / 3_600_000;
    check(`it holds for two hours (${hours})`, Math.abs(hours - 2) < 0.02);
  });

  await task(browser, url, "see how many hours of budget are left and who spends it", async (page, click) => {
    await click(pages(page).getByText("Objectives"));
    await click(page.getByRole("link", { name: /^answers/ }).first());
    await tellsBudget(page);
  });

  await byKeyboard(browser, url);
}

/** Hours, or why there are none, and who spent how much. */
async function tellsBudget(page) {
  await page.getByRole("region", { name: "Who spends it" }).getByRole("listitem").first().getByText(/\d/).first().waitFor();
  const hours = page.locator("#main").getByText("Hours left", { exact: true }).first().locator("xpath=..");
  await hours.getByText(/\d|Nothing left|To the end/).first().waitFor();
}

/** Waits until a tool has become so many times slower than an hour before, by the server's own account. */
async function slowerThan(url, tool, times) {
  const p95 = (offset) => `histogram_quantile(0.95, sum(rate(gen_ai_execute_tool_duration_seconds{gen_ai_tool_name="${tool}"}[5m] ${offset})))`;
  const query = `${p95("")} / ${p95("offset 1h")}`;
  for (let tries = 0; tries < 360; tries += 1) {
    const answer = await (await fetch(`${url}/api/v1/query?${new URLSearchParams({ query })}`)).json();
    if (Number(answer.data.result[0]?.value[1]) > times) return;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  throw new Error(`${tool} does not become ${times} times slower within three minutes`);
}

/** The same with the keyboard alone. */
async function byKeyboard(browser, url) {
  const { page, problems } = await openPage(browser, url);
  const press = async (...keys) => {
    for (const key of keys) await page.keyboard.press(key);
  };
  await page.goto(url);
  await settled(page, "Overview");
  await tabTo(page, () => document.activeElement?.closest('[aria-label="How everything is"]') !== null && /polaris|meridian/.test(document.activeElement?.textContent ?? ""), "the provider in the verdict");
  await press("Enter");
  await page.getByRole("heading", { level: 1, name: PROVIDERS }).waitFor();

  await press("g", "i");
  await settled(page, "AI");
  await press("3");
  await page.getByRole("table", { name: /Tools/ }).locator("[data-row='0']").waitFor();

  await press("g", "a");
  await settled(page, "Alerts");
  await page.locator("[data-alert]").first().waitFor();
  await press("j", "s");
  await page.getByRole("dialog").getByText(/It hides/).waitFor();
  await page.getByRole("dialog").getByLabel("Why").focus();
  await page.keyboard.type("by keyboard");
  await press("Enter");
  await page.getByRole("dialog").waitFor({ state: "detached" });

  await press("g", "b");
  await settled(page, "Objectives");
  await tabTo(page, () => /^answers/.test(document.activeElement?.textContent ?? ""), "an objective");
  await press("Enter");
  await tellsBudget(page);

  // What the keys are, and how anything is found.
  await press("?");
  await page.getByRole("dialog").getByText("find anything").first().waitFor();
  await axe(page, "the table of keys");
  await press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await press("/");
  await page.getByRole("combobox", { name: "Find anything" }).fill("demo_requests_total");
  await page.getByRole("option", { name: /demo_requests_total/ }).first().waitFor();
  await axe(page, "the finder");
  await press("Enter");
  await settled(page, "Explore");
  check("the query is in the address", page.url().includes("demo_requests_total"));
  await press("Escape");
  await page.goBack();
  await page.getByRole("heading", { name: "Who spends it" }).waitFor();
  check(`no errors: ${problems.join("; ")}`, problems.length === 0);
}
