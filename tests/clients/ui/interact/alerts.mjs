// Alerts: the list, one alert, rules, silences, history, routes, backtests and simulations.
import { check, settled } from "../browser.mjs";
import { choose, gone, param, pick, seen, using } from "../steps.mjs";

const NAME = "ProviderEntityDown";
const WHY = `made by a suite at ${Date.now()}`;
const get = async (address) => (await fetch(address)).json();

export async function alerts(at) {
  await using(at, "Alerts", list);
  await using(at, "Alerts: rules, silences, history", watched);
  await using(at, "Alerts: routes, backtest, simulation", tried);
}

async function list({ page, open, shared, back, url }) {
  const line = (where = page) => where.locator("[data-alert]").filter({ hasText: NAME }).first();
  await open("/alerts", "Alerts");
  const find = page.getByLabel("Find in alerts");
  await find.fill("nothing is called so");
  await seen(page, "No alert is like this");
  await find.fill("provider/polaris");
  await param(page, "find", "provider/polaris");
  await line().waitFor();
  await page.getByRole("group", { name: "States and severities" }).getByText("error").click();
  await param(page, "severity", "error");
  await shared(async (other) => {
    await line(other).waitFor();
    check("the field has what was typed", (await other.getByLabel("Find in alerts").inputValue()) === "provider/polaris");
  });

  // A label of a line filters by it, and back.
  await line().getByTitle("Filter by it").filter({ hasText: "kind" }).first().click();
  await param(page, "label", /^kind="provider"$/);
  await line().waitFor();
  await back(() => param(page, "label", null));

  await pick(page, "Group by", "Not grouped");
  await param(page, "group", "none");

  await line().getByRole("checkbox").click();
  await page.getByRole("toolbar", { name: "What was selected" }).getByText("1 selected").waitFor();
  await page.keyboard.press("Escape");
  await gone(page.getByRole("toolbar", { name: "What was selected" }));

  // One alert: what it saw, and who is on it.
  await line().getByRole("link", { name: NAME }).click();
  await settled(page, NAME);
  await page.waitForURL(/\/alerts\/one\/[0-9a-f]{16}/);
  const fingerprint = /one\/([0-9a-f]+)/.exec(page.url())[1];
  await page.locator(`[data-chart="${NAME}: what its rule measures"] canvas`).waitFor();
  await page.getByRole("region", { name: "Evidence" }).getByText("What the rule saw").waitFor();
  await shared((other) => settled(other, NAME));
  await page.getByRole("button", { name: "Acknowledge" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Who").fill("A suite");
  await dialog.getByLabel("What is done about it").fill("looked at by a suite");
  await dialog.getByRole("button", { name: "Acknowledge" }).click();
  await gone(dialog);
  await seen(page, /looked at by a suite/);
  const held = await get(`${url}/api/bellwether/v1/acknowledgements`);
  check("the server knows who is on it", JSON.stringify(held).includes("looked at by a suite"));
  await page.getByRole("button", { name: "Take back" }).click();
  await page.getByRole("button", { name: "Acknowledge" }).waitFor();
  check("and that nobody is any more", !JSON.stringify((await get(`${url}/api/bellwether/v1/acknowledgements`)).data).includes(fingerprint));
  await back(async () => {
    await settled(page, "Alerts");
    await param(page, "find", "provider/polaris");
    await line().waitFor();
  });
}

async function watched({ page, open, shared, back }) {
  await open("/alerts", "Alerts");
  const parts = page.getByRole("navigation", { name: "Parts of Alerts" });
  await parts.getByRole("link", { name: "Rules" }).click();
  await settled(page, "Rules");
  await page.getByLabel("Find in rules").fill("ToolCallsFail");
  await param(page, "find", "ToolCallsFail");
  await page.getByRole("button", { name: /^ToolCallsFail/ }).click();
  await param(page, "rule", /^ai-daemon\/\d+$/);
  const chart = '[data-chart="ToolCallsFail: what its rule measures"] canvas';
  await page.locator(chart).waitFor();
  await shared((other) => other.locator(chart).waitFor());
  await page.getByRole("link", { name: "Backtest", exact: true }).last().click();
  await settled(page, "Backtest");
  await param(page, "expr", /gen_ai_execute_tool/);
  await page.getByRole("region", { name: "What would have been" }).getByText(/^(never|\d+×)$/).first().waitFor();
  await back(() => page.locator(chart).waitFor());

  await parts.getByRole("link", { name: "Silences" }).click();
  await settled(page, "Silences");
  await page.getByRole("button", { name: "New silence" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Value 1").fill("NothingIsCalledSo");
  await dialog.getByText(/It hides nothing now/).waitFor();
  await dialog.getByLabel("Why").fill(WHY);
  await dialog.getByRole("button", { name: "Silence", exact: true }).click();
  await gone(dialog);
  const mine = (where) => where.getByRole("listitem").filter({ hasText: WHY });
  await mine(page).getByText("hides nothing now").waitFor();
  await page.getByLabel("Find in silences").fill(WHY);
  await param(page, "find", WHY);
  await shared((other) => mine(other).waitFor());
  await mine(page).getByRole("button", { name: "End it now" }).click();
  await gone(mine(page));
  await page.getByRole("search", { name: "Filter silences" }).getByText("expired").click();
  await param(page, "state", /expired/);
  await mine(page).getByText(/^ended/).waitFor();
  await back(() => settled(page, "Rules"));

  await parts.getByRole("link", { name: "History" }).click();
  await settled(page, "History");
  const events = (where) => where.getByRole("region", { name: "Events" }).getByRole("listitem");
  await page.getByLabel("Find in history").fill("polaris");
  await param(page, "find", "polaris");
  await events(page).filter({ hasText: "ProviderEntityDown" }).first().waitFor();
  await page.getByRole("group", { name: "Kinds" }).getByRole("button", { name: /^fired/ }).click();
  await param(page, "kind", /^(?!.*\bfired\b)/);
  await gone(events(page).filter({ hasText: / fired\b/ }));
  await shared((other) => other.getByRole("group", { name: "Kinds" }).getByRole("button", { name: /^fired/, pressed: false }).waitFor());
  await page.getByRole("group", { name: "Kinds" }).getByRole("button", { name: /^fired/ }).click();
  await events(page).getByRole("link", { name: "ProviderEntityDown" }).first().click();
  await settled(page, "ProviderEntityDown");
  await back(async () => {
    await settled(page, "History");
    await param(page, "find", "polaris");
  });
}

async function tried({ page, open, shared, back }) {
  const parts = page.getByRole("navigation", { name: "Parts of Alerts" });
  await open("/alerts/routes", "Routes");
  await page.getByLabel("Labels", { exact: true }).fill('alertname="DiskAlmostFull"\nseverity="critical"');
  await param(page, "labels", /DiskAlmostFull/);
  const told = (where) => where.getByRole("region", { name: "What becomes of it" }).getByRole("status").getByText(/demo-chat.*told/);
  await told(page).waitFor();
  await page.getByRole("group", { name: "Routing tree" }).getByText("told here").first().waitFor();
  await shared((other) => told(other).waitFor());
  await page.getByLabel("Labels", { exact: true }).fill("no label");
  await page.getByLabel("Labels", { exact: true }).and(page.locator("[aria-invalid=true]")).waitFor();

  await parts.getByRole("link", { name: "Backtest" }).click();
  await settled(page, "Backtest");
  await page.getByRole("textbox", { name: "Expression" }).click();
  await page.keyboard.type("vector(time()) > 0");
  await page.getByLabel("For", { exact: true }).fill("5m");
  await page.getByRole("button", { name: "Try it" }).click();
  await param(page, "expr", "vector(time()) > 0");
  await param(page, "for", "5m");
  const result = (where) => where.getByRole("region", { name: "What would have been" });
  await result(page).getByText("1×").first().waitFor();
  await result(page).getByRole("table", { name: /each time/ }).locator("[data-row='0']").getByText(/still/).waitFor();
  await shared((other) => result(other).getByText("1×").first().waitFor());
  // Against one that never fires.
  await page.getByRole("button", { name: "Compare with a variant" }).click();
  await page.getByRole("textbox", { name: "Expression B" }).click();
  await page.keyboard.press("Control+a");
  await page.keyboard.type("vector(time()) < 0");
  await page.getByRole("button", { name: "Try it" }).click();
  await param(page, "expr2", "vector(time()) < 0");
  await page.getByRole("region", { name: "Variant B" }).getByText("never", { exact: true }).waitFor();
  // A group that is loaded.
  await choose(page, "How the rule is given", "Loaded group");
  await param(page, "type", "group");
  await pick(page, "Group", "ai-daemon");
  await param(page, "group", "ai-daemon");
  await page.getByRole("button", { name: "Try it" }).click();
  await page.getByRole("heading", { level: 2, name: "DiskAlmostFull" }).waitFor();
  await shared((other) => other.getByRole("heading", { level: 2, name: "DiskAlmostFull" }).waitFor());
  await back(() => page.getByRole("region", { name: "Variant B" }).getByText("never", { exact: true }).waitFor());
  await back(async () => {
    await param(page, "expr2", null);
    await result(page).getByText("1×").first().waitFor();
  });

  await parts.getByRole("link", { name: "Simulate" }).click();
  await settled(page, "Simulate");
  await pick(page, "Rule", "ToolCallsFail");
  await page.getByLabel("Labels", { exact: true }).fill('job="ai-daemon"');
  await page.getByRole("button", { name: "Simulate", exact: true }).click();
  await param(page, "type", "alert");
  await param(page, "rule", "ToolCallsFail");
  const what = (where) => where.getByRole("region", { name: "What would happen" });
  await what(page).getByText(/demo-chat/).first().waitFor();
  await what(page).getByRole("listitem").filter({ hasText: "ToolCallsFail" }).nth(2).waitFor();
  await what(page).getByText("What is sent").first().click();
  await what(page).locator("details[open]").getByText(/ToolCallsFail/).first().waitFor();
  await shared(async (other) => {
    await what(other).getByText(/demo-chat/).first().waitFor();
    check("the form has what was simulated", (await other.getByLabel("Labels", { exact: true }).inputValue()) === 'job="ai-daemon"');
  });
  await choose(page, "What is simulated", "An outage");
  await param(page, "type", "outage");
  await page.getByRole("combobox", { name: "Targets that are down" }).fill("ai-daemon");
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Simulate", exact: true }).click();
  await param(page, "targets", "ai-daemon");
  const outage = (where) => where.getByRole("region", { name: "What the outage would cause" }).getByText("Targets down");
  await outage(page).waitFor();
  await page.getByRole("region", { name: "Step by step" }).getByRole("listitem").first().waitFor();
  await shared((other) => outage(other).waitFor());
  await back(() => gone(outage(page)));
  await back(() => what(page).getByText(/demo-chat/).first().waitFor());

  // In real time: it is listed, and ended before its time.
  await choose(page, "Pace", "In real time");
  await page.getByRole("button", { name: "Simulate", exact: true }).click();
  await param(page, "id", /.+/);
  await what(page).getByText("runs", { exact: true }).waitFor();
  await shared((other) => what(other).getByText("ToolCallsFail").first().waitFor());
  await page.getByRole("button", { name: "End", exact: true }).click();
  await what(page).getByText("over", { exact: true }).waitFor();
  await back(() => param(page, "id", null));
  await back(() => param(page, "rule", null));
  await back(() => result(page).getByText("1×").first().waitFor());
}
