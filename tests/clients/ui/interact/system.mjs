// The seven parts of System.
import { check, settled } from "../browser.mjs";
import { choose, gone, param, seen, using } from "../steps.mjs";

/** Takes long enough to be ended: it is asked beside the page. */
const HEAVY = 'count(max_over_time(count by (job) ({__name__=~".+"})[24h:200ms]))';

export async function system(at) {
  await using(at, "System: targets to storage", found);
  await using(at, "System: configuration to status", asked);
}

async function found({ page, open, shared, back }) {
  const tabs = page.getByRole("navigation", { name: "Parts of the system" });
  await open("/system/targets", "Targets");
  await page.getByRole("region", { name: "Jobs" }).getByRole("link", { name: /ai-daemon/ }).click();
  await param(page, "job", "ai-daemon");
  const table = (where) => where.getByRole("table", { name: "Targets" });
  await page.waitForFunction(() => document.querySelectorAll("[role=table][aria-label=Targets] [data-row]").length === 1);
  await shared(async (other) => {
    await table(other).getByText("ai-daemon").first().waitFor();
    check("one target is left", (await table(other).locator("[data-row]").count()) === 1);
  });
  await table(page).locator("[data-row='0']").click();
  await param(page, "target", /^ai-daemon http/);
  const detail = (where) => where.getByRole("dialog");
  await detail(page).locator('[data-chart="Duration of scrapes"] canvas').waitFor();
  await shared((other) => detail(other).locator('[data-chart="Up"]').waitFor());
  await back(() => gone(detail(page)));
  await back(() => param(page, "job", null));
  await choose(page, "State", "Down");
  await param(page, "state", "down");
  await seen(page, "No target is in this state");
  await back(() => table(page).waitFor());

  await tabs.getByRole("link", { name: "Discovery" }).click();
  await settled(page, "Discovery");
  await page.getByRole("region", { name: "Found" }).getByRole("listitem").first().getByRole("link").click();
  await param(page, "target", /.+/);
  await page.getByRole("region", { name: "Step by step" }).getByText("__address__").first().waitFor();
  await page.getByRole("region", { name: /^Configuration of/ }).getByText("job_name").first().waitFor();
  await shared((other) => other.getByRole("region", { name: "Step by step" }).getByText("__address__").first().waitFor());
  await back(() => param(page, "target", null));

  await tabs.getByRole("link", { name: "Cardinality" }).click();
  await settled(page, "Cardinality");
  await page.getByRole("region", { name: "Metrics by series" }).getByRole("link").first().click();
  await param(page, "show", /^metric:/);
  await seen(page, "its labels by different values: what multiplies its series");
  await shared((other) => seen(other, "its labels by different values: what multiplies its series"));
  await page.getByRole("region", { name: "Labels by values" }).getByRole("link").first().click();
  await param(page, "show", /^label:/);
  await seen(page, "its values and its metrics, by series");
  await back(() => param(page, "show", /^metric:/));
  await page.getByRole("button", { name: "Close" }).click();
  await param(page, "show", null);

  await tabs.getByRole("link", { name: "Storage" }).click();
  await settled(page, "Storage");
  const blocks = page.getByRole("table", { name: "Blocks" });
  await blocks.getByRole("button", { name: "Samples" }).click();
  await blocks.locator("[aria-sort=descending]").getByText("Samples").waitFor();
  await shared((other) => other.getByRole("table", { name: "Blocks" }).locator("[data-row='0']").waitFor());
  await back(() => settled(page, "Cardinality"));
}

async function asked({ page, open, shared, back, url }) {
  const tabs = page.getByRole("navigation", { name: "Parts of the system" });
  await open("/system/config", "Configuration");
  const find = page.getByLabel("Find in the configuration");
  await find.fill("scrape");
  await param(page, "find", "scrape");
  await seen(page, /^1 of [1-9]\d* lines$/);
  await find.press("Enter");
  await seen(page, /^2 of \d+ lines$/);
  await page.getByRole("region", { name: "Configuration", exact: true }).locator("[data-current] mark").getByText("scrape").waitFor();
  await shared((other) => seen(other, /^1 of [1-9]\d* lines$/));
  await find.fill("nothing has this");
  await seen(page, "nothing found");
  // The demo was started without leave to read it anew: the button says so.
  check("reading it anew is off", await page.getByRole("button", { name: "Read it anew" }).isDisabled());
  await seen(page, "--web.enable-lifecycle");

  await tabs.getByRole("link", { name: "Queries" }).click();
  await settled(page, "Queries");
  const running = page.getByRole("region", { name: "Running" });
  await running.getByText("No query runs").waitFor();
  check("nothing can be ended", (await running.getByRole("button", { name: "End it" }).count()) === 0);
  const heavy = fetch(`${url}/api/v1/query?query=${encodeURIComponent(HEAVY)}`);
  const line = running.getByRole("listitem").filter({ hasText: "max_over_time" });
  await line.getByRole("button", { name: "End it" }).click();
  const answer = await heavy;
  check(`it was ended (${answer.status})`, !answer.ok);
  await running.getByText("No query runs").waitFor();
  await page.getByLabel("Find a query").fill("max_over_time(count by");
  await param(page, "find", "max_over_time(count by");
  await choose(page, "Which queries", "Failed");
  await param(page, "state", "failed");
  const recent = (where) => where.getByRole("table", { name: "Recent queries" });
  await recent(page).locator("[data-row='0']").getByText(/cancel/i).first().waitFor();
  await shared((other) => recent(other).locator("[data-row='0']").getByText(/cancel/i).first().waitFor());
  await back(() => param(page, "state", null));
  await page.getByLabel("Find a query").fill("");
  await param(page, "find", null);
  // Not the one that was ended: it would run again.
  await page.getByRole("table", { name: "Heaviest queries" }).getByRole("link").filter({ hasNotText: "max_over_time" }).first().click();
  await settled(page, "Explore");
  await param(page, "q", /"expr":"[^"]/);
  await back(() => settled(page, "Queries"));

  await tabs.getByRole("link", { name: "Status" }).click();
  await settled(page, "Status");
  await seen(page, "Troubles in this time");
  await page.getByRole("region", { name: "Build" }).getByText("version").first().waitFor();
  await page.keyboard.press("1");
  await settled(page, "Targets");
  await back(() => settled(page, "Status"));
  await shared((other) => settled(other, "Status"));
}
