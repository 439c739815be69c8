// Overview, Health with its probes, entities and maintenance, and the page for strangers.
import { check, settled } from "../browser.mjs";
import { drag, gone, param, pick, seen, using } from "../steps.mjs";

export async function overview(at) {
  await using(at, "Overview", async ({ page, open, shared, back }) => {
    await open("/", "Overview");
    const span = page.getByTestId("time-range");
    // Times: one that is offered, one that is typed, one step earlier.
    await span.click();
    await page.getByRole("button", { name: "Last 6 hours" }).click();
    await param(page, "from", "now-6h");
    await shared((other) => other.getByTestId("time-range").getByText("Last 6 hours").waitFor());
    await span.click();
    await page.getByLabel("From", { exact: true }).fill("now-90m");
    await page.keyboard.press("Enter");
    await param(page, "from", "now-90m");
    await page.getByRole("button", { name: "Earlier" }).click();
    await param(page, "to", /^\d{13}$/);
    await back(() => param(page, "from", "now-90m"));
    await back(() => span.getByText("Last 6 hours").waitFor());
    await back(() => span.getByText("Last hour").waitFor());

    // Colours stay.
    await page.getByRole("button", { name: "Look: colours and times" }).click();
    await page.getByRole("menuitem", { name: "Light" }).click();
    await page.locator("html[data-mantine-color-scheme=light]").waitFor();
    await page.reload();
    await page.locator("html[data-mantine-color-scheme=light]").waitFor();

    // Each number is a way into Explore, the map to its entities, the rest to where it is told in full.
    await page.getByRole("list", { name: "Numbers of the service" }).getByRole("link").first().click();
    await settled(page, "Explore");
    await param(page, "q", /expr/);
    await page.locator("[data-chart] canvas").first().waitFor();
    await back(() => settled(page, "Overview"));
    const map = page.getByRole("region", { name: "Entities" });
    await map.locator('a[href*="provider%2Fpolaris"]').first().click();
    await page.waitForURL(/\/health\/entities\/provider%2Fpolaris/);
    await settled(page, /polaris/);
    await back(() => settled(page, "Overview"));
    await page.getByRole("region", { name: "How everything is" }).getByRole("link", { name: /\d+ up$/ }).click();
    await param(page, "state", "up");
    await page.getByRole("table", { name: "Entities" }).getByRole("link", { name: "search" }).waitFor();
    await back(() => settled(page, "Overview"));
    await page.getByRole("region", { name: "What changed in the last hour" }).getByRole("link", { name: "History" }).click();
    await settled(page, "History");
    await page.getByRole("region", { name: "Events" }).getByText("ProviderEntityDown").first().waitFor();
    await back(() => settled(page, "Overview"));
    await page.getByRole("region", { name: "Firing alerts" }).getByRole("link", { name: /ProviderEntityDown.*polaris/ }).click();
    await settled(page, "ProviderEntityDown");
    await back(() => settled(page, "Overview"));
  });
}

export async function health(at) {
  await using(at, "Health: probes and entities", probed);
  await using(at, "Health: maintenance", maintained);
  await using(at, "Public status", strangers);
}

async function probed({ page, open, shared, back }) {
  // One that is up whatever becomes of the providers: the other one may be too much for what is left of them.
  await open("/health", "Health");
  await page.getByLabel("Find a probe").fill("daemon");
  await param(page, "find", "daemon");
  const probe = (where, name) => where.getByRole("link", { name, exact: true });
  await probe(page, "daemon-mcp").waitFor();
  await gone(probe(page, "provider-meridian"));
  await page.getByRole("group", { name: "By state" }).getByRole("button").filter({ hasText: /^up/ }).click();
  await param(page, "state", "up");
  await shared(async (other) => {
    await probe(other, "daemon-mcp").waitFor();
    check("the others are left out", (await probe(other, "provider-meridian").count()) === 0);
  });
  await back(() => param(page, "state", null));
  await page.getByRole("button", { name: "Check now: daemon-mcp" }).click();
  await page.getByRole("list", { name: "Steps of the check" }).getByRole("listitem").first().waitFor();

  await probe(page, "daemon-mcp").click();
  await settled(page, "daemon-mcp");
  await page.getByRole("button", { name: "Check now" }).click();
  const now = page.getByRole("region", { name: "Checked just now" });
  await now.getByText(/4 tools/).first().waitFor();
  await now.getByRole("button", { name: /^What it measured/ }).click();
  await now.getByText("probe_mcp_tools").first().waitFor();
  await drag(page, "Phases of daemon-mcp", 0.5, 0.9);
  await param(page, "from", /^\d{13}$/);
  await shared((other) => settled(other, "daemon-mcp"));
  await back(() => param(page, "from", null));
  // Which was it, the arrow keys tell.
  const strip = page.getByRole("img", { name: /^The last checks, one by one/ });
  await strip.focus();
  await page.keyboard.press("End");
  await page.getByRole("img", { name: /one by one\. .*up/ }).waitFor();

  await page.locator("#main").getByRole("link", { name: "daemon/ai-daemon/demo-ai-daemon", exact: true }).click();
  await page.waitForURL(/\/health\/entities\/daemon%2Fai-daemon%2Fdemo-ai-daemon/);
  await page.getByRole("region", { name: "Who says so" }).getByText("daemon-ready").first().waitFor();
  await shared((other) => other.getByRole("region", { name: "Who says so" }).getByText("daemon-ready").first().waitFor());
  await page.getByRole("region", { name: "State over time" }).getByRole("link", { name: "In Explore" }).click();
  await settled(page, "Explore");
  await param(page, "q", /bellwether_entity_state.*daemon\/ai-daemon/);
  await back(() => page.waitForURL(/entities\/daemon/));

  await open("/health?tab=entities", "Health");
  await page.getByRole("group", { name: "By kind" }).getByRole("button").filter({ hasText: /^tools/i }).click();
  await param(page, "kind", "tool");
  const table = (where) => where.getByRole("table", { name: "Entities" });
  await table(page).getByRole("link", { name: "search" }).waitFor();
  check("only tools are left", (await table(page).locator("[data-row]").count()) === 4);
  await shared((other) => table(other).getByRole("link", { name: "search" }).waitFor());
  await page.getByLabel("Find an entity").fill("browser");
  await param(page, "find", "browser");
  await table(page).locator("[data-row='0']").click();
  await page.waitForURL(/entities\/tool%2Fbrowser/);
  await settled(page, "browser");
  await back(() => param(page, "find", "browser"));
}

async function maintained({ page, open, shared, back, url }) {
  await open("/health?tab=maintenance", "Health");
  await page.getByText("Nothing is worked on").waitFor();
  await page.getByLabel("What is worked on").fill("A suite works on it");
  await page.getByRole("textbox", { name: "Probes and entities" }).or(page.getByRole("combobox", { name: "Probes and entities" })).first().fill("daemon-mcp");
  await page.keyboard.press("Enter");
  await page.getByText("Covers daemon-mcp").waitFor();
  await page.keyboard.press("Escape");
  await pick(page, "Lasts", "30 minutes");
  await page.getByRole("button", { name: "Begin", exact: true }).click();
  await page.getByText("It is begun.").waitFor();
  const mine = (where) => where.getByRole("listitem").filter({ hasText: "A suite works on it" });
  await mine(page).getByText("under way").waitFor();
  await shared((other) => mine(other).getByText("under way").waitFor());
  await mine(page).getByRole("link", { name: "daemon-mcp" }).click();
  await settled(page, "daemon-mcp");
  await seen(page, /In maintenance: A suite works on it/);
  await back(() => mine(page).waitFor());
  await mine(page).getByRole("button", { name: "End" }).click();
  await mine(page).getByRole("button", { name: "End it now" }).click();
  await page.getByText("Nothing is worked on").waitFor();
  const { data } = await (await fetch(`${url}/api/bellwether/v1/maintenance`)).json();
  check("the server has none either", data.maintenance.length === 0);
}

async function strangers({ page, open, shared, back }) {
  await open("/health/probes/provider-meridian", "provider-meridian");
  await page.getByRole("link", { name: "on the public status page" }).click();
  await settled(page, "Status");
  const item = (where) => where.getByRole("heading", { level: 3, name: /meridian/ });
  await item(page).first().waitFor();
  await shared((other) => item(other).first().waitFor());
  const days = page.getByRole("img", { name: /meridian.*the last 90 days/ }).first();
  await days.focus();
  await page.keyboard.press("End");
  await page.getByRole("img", { name: /meridian.*the last 90 days\. ./ }).first().waitFor();
  await page.getByRole("button", { name: /Light colours|Dark colours/ }).click();
  await page.getByRole("button", { name: "Dark colours" }).waitFor();
  check("nothing leads inside", (await page.getByRole("link").count()) === 0);
  await back(() => settled(page, "provider-meridian"));
}
