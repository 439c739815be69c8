// AI, Objectives, Forecasts and Scaling.
import { check, settled } from "../browser.mjs";
import { choose, drag, gone, param, seen, using } from "../steps.mjs";

export const ai = (at) => using(at, "AI", async ({ page, open, shared, back }) => {
  await open("/ai", "AI");
  const tabs = page.getByRole("navigation", { name: "What is listed" });
  await page.getByRole("table", { name: "Providers" }).getByText("meridian").first().waitFor();
  await tabs.getByRole("link", { name: /^Models/ }).click();
  await param(page, "tab", "models");
  const table = (where) => where.getByRole("table", { name: "Models" });
  await table(page).getByRole("button", { name: "p95" }).click();
  await table(page).locator("[aria-sort=descending]").getByText("p95").waitFor();
  await choose(page, "Worst first by", "Failures");
  await param(page, "by", "failures");
  await choose(page, "Compare", "Whole time with the one before");
  await param(page, "against", "span");
  await table(page).locator("[data-row]").filter({ hasText: "meridian-large" }).click();
  await param(page, "model", /meridian-large/);
  const detail = (where) => where.getByRole("dialog", { name: /Model meridian-large/ });
  await detail(page).locator("[data-chart] canvas").first().waitFor();
  await shared(async (other) => {
    await detail(other).locator("[data-chart] canvas").first().waitFor();
    check("what is behind it is the same", (await other.getByRole("radio", { name: "Failures", includeHidden: true }).isChecked()));
  });
  await detail(page).getByRole("link", { name: "Heat map of durations" }).click();
  await settled(page, "Explore");
  await page.locator("[data-heatmap] canvas").waitFor();
  await back(() => detail(page).waitFor());
  await back(() => gone(detail(page)));
  await tabs.getByRole("link", { name: /^Tools/ }).click();
  await page.locator('[data-chart="Calls by tool"] canvas').waitFor();
  await drag(page, "Calls by tool", 0.2, 0.8);
  await param(page, "from", /^\d{13}$/);
  await back(() => param(page, "from", null));
  await back(() => table(page).waitFor());
});

export const objectives = (at) => using(at, "Objectives", async ({ page, open, shared, back }) => {
  await open("/objectives", "Objectives");
  const row = (where, name) => where.locator("#main").getByRole("link", { name, exact: true });
  await page.getByLabel("Find an objective").fill("quick");
  await param(page, "find", "quick");
  await row(page, "quick-answers").waitFor();
  await gone(row(page, "dollars"));
  await shared(async (other) => {
    await row(other, "quick-answers").waitFor();
    check("the others are left out", (await row(other, "dollars").count()) === 0);
  });
  await page.getByLabel("Find an objective").fill("");
  const verdict = page.getByRole("group", { name: "By verdict" }).getByRole("link").filter({ hasNotText: /\D0$/ }).first();
  await verdict.click();
  await param(page, "verdict", /.+/);
  await back(() => param(page, "verdict", null));

  await row(page, "answers").click();
  await page.waitForURL(/\/objectives\/ai-daemon%2Fanswers/);
  await settled(page, "answers");
  await page.getByRole("region", { name: "Who spends it" }).getByRole("listitem").first().waitFor();
  const asks = page.waitForRequest((request) => /slo:bad_events/.test(decodeURIComponent(request.postData() ?? request.url())));
  await choose(page, "Over which time", "Time shown");
  await asks;
  await page.getByRole("region", { name: "Who spends it" }).getByText(/by .+|Nothing was spent in this time/).first().waitFor();
  const asked = page.getByRole("region", { name: "What another target would have meant" });
  await asked.getByLabel("A target, in percent").fill("97.25");
  await asked.getByRole("row", { name: /97\.25 %.*asked/ }).waitFor();
  await choose(page, "What is shown", "Bad, by who");
  const events = page.getByRole("region", { name: "Good and bad events" });
  await gone(events.getByText("Good", { exact: true }));
  await events.locator("[data-chart] canvas").or(events.getByText(/Nothing/)).first().waitFor();
  await shared((other) => other.getByRole("heading", { name: "Who spends it" }).waitFor());
  await choose(page, "Over which time", "Period");
  await page.getByRole("region", { name: "Who spends it" }).getByRole("listitem").first().getByRole("link").click();
  await settled(page, "Explore");
  await param(page, "q", /slo:bad_events/);
  await back(() => settled(page, "answers"));
  await back(() => settled(page, "Objectives"));

  // Budgets of several groups are told apart in the address.
  await row(page, "calls").first().click();
  await settled(page, "calls");
  const budgets = page.getByRole("navigation", { name: "Budgets" });
  await budgets.getByRole("link", { name: /meridian/ }).click();
  await param(page, "budget", /meridian/);
  await shared((other) => other.getByRole("navigation", { name: "Budgets" }).locator("[aria-current=page]").getByText(/meridian/).waitFor());
  await budgets.getByRole("link", { name: /polaris/ }).click();
  await param(page, "budget", /polaris/);
  await back(() => param(page, "budget", /meridian/));
});

export const forecasts = (at) => using(at, "Forecasts", async ({ page, open, shared, back }) => {
  await open("/forecasts", "Forecasts");
  const list = page.getByRole("complementary", { name: "Forecasts" });
  const chosen = (where, name) => where.getByRole("heading", { level: 2, name, exact: true });
  await list.getByRole("link", { name: /^disk/ }).click();
  await param(page, "name", "disk");
  await chosen(page, "disk").waitFor();
  await page.getByRole("region", { name: "How it is made" }).getByText(/demo_disk/).waitFor();
  await shared((other) => chosen(other, "disk").waitFor());
  await list.getByRole("link", { name: /^queue/ }).click();
  await chosen(page, "queue").waitFor();
  await choose(page, "How far ahead", "1h");
  await seen(page, "foretold 1 h before");
  await back(() => chosen(page, "disk").waitFor());
  await list.getByLabel("Find a forecast").fill("request");
  await param(page, "find", "request");
  await gone(list.getByRole("link", { name: /^disk/ }));
  await list.getByRole("link", { name: /^request/ }).click();
  await chosen(page, "request").waitFor();
  await seen(page, "path of a request");
  await shared((other) => chosen(other, "request").waitFor());
  await back(() => chosen(page, "disk").waitFor());
  await page.getByRole("region", { name: "How it is made" }).getByRole("link", { name: "Open in Explore" }).click();
  await settled(page, "Explore");
  await param(page, "q", /demo_disk/);
  await back(() => chosen(page, "disk").waitFor());
});

export const scaling = (at) => using(at, "Scaling", async ({ page, open, shared, back, url }) => {
  await open("/scaling", "Scaling");
  const { data } = await (await fetch(`${url}/api/bellwether/v1/scalers`)).json();
  await seen(page, "This is a dry run.");
  await page.getByRole("region", { name: /^Why / }).getByText(/worker/).first().waitFor();
  const decisions = page.getByRole("region", { name: "Decisions" });
  await decisions.getByRole("listitem").first().getByRole("group", { name: "What each rule wanted" }).getByText(/\d/).first().waitFor();
  const chart = await page.locator("#main [data-chart]").first().getAttribute("data-chart");
  await drag(page, chart, 0.6, 0.95);
  await param(page, "from", /^\d{13}$/);
  await shared(async (other) => {
    await settled(other, "Scaling");
    check("somebody else sees the same time", (await other.getByTestId("time-range").innerText()) === (await page.getByTestId("time-range").innerText()));
  });
  await back(() => param(page, "from", null));
  await open(`/scaling?scaler=${data.scalers[0].name}`, "Scaling");
  await decisions.waitFor();
  await open("/scaling?scaler=none", "Scaling");
  await page.getByRole("link", { name: "See those that there are" }).click();
  await param(page, "scaler", null);
  await decisions.waitFor();
  await back(() => seen(page, "There is no such scaler"));
});
