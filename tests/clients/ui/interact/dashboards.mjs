// Dashboards: found, looked at, copied, changed, saved, and brought from Grafana.
import { check, settled } from "../browser.mjs";
import { choose, gone, param, pick, seen, using } from "../steps.mjs";

/** Three panels of Grafana: two that we have, one that nobody but a plugin has. */
const GRAFANA = {
  title: "Brought by a suite", uid: "suite-import", schemaVersion: 39, time: { from: "now-30m", to: "now" },
  templating: { list: [{ name: "job", type: "query", query: "label_values(up, job)", datasource: { type: "prometheus", uid: "x" } }] },
  panels: [
    { id: 1, type: "timeseries", title: "Up by instance", gridPos: { x: 0, y: 0, w: 12, h: 8 }, targets: [{ refId: "A", expr: 'up{job="$job"}', legendFormat: "{{instance}}" }], fieldConfig: { defaults: { unit: "short" }, overrides: [] } },
    { id: 2, type: "stat", title: "How many", gridPos: { x: 12, y: 0, w: 6, h: 8 }, targets: [{ refId: "A", expr: "count(up)" }], fieldConfig: { defaults: {}, overrides: [] } },
    { id: 3, type: "some-clock-panel", title: "A clock", gridPos: { x: 18, y: 0, w: 6, h: 8 } },
  ],
};

const panel = (where, name) => where.getByRole("article", { name, exact: true });

/** Removes what a run before this one saved. */
async function removeSaved(url) {
  const { data } = await (await fetch(`${url}/api/bellwether/v1/dashboards`)).json();
  for (const { uid, source } of data.dashboards) if (source === "saved") check(`${uid} can be removed`, (await fetch(`${url}/api/bellwether/v1/dashboards/${uid}`, { method: "DELETE" })).ok);
}

export async function dashboards(at) {
  await removeSaved(at.url);
  await using(at, "Dashboards: list and viewer", looked);
  await using(at, "Dashboards: copy and edit", edited);
  await using(at, "Dashboards: import", imported, ["400 (Bad Request)", "409 (Conflict)"]);
}

async function looked({ page, open, shared, back }) {
  await open("/dashboards", "Dashboards");
  const table = (where) => where.getByRole("table", { name: "Dashboards" });
  await page.getByLabel("Find a dashboard").fill("machine");
  await param(page, "find", "machine");
  await table(page).getByRole("link", { name: "Host" }).waitFor();
  await gone(table(page).getByRole("link", { name: "AI service" }));
  await shared(async (other) => {
    await table(other).getByRole("link", { name: "Host" }).waitFor();
    check("one is left", (await table(other).locator("[data-row]").count()) === 1);
  });
  await page.getByLabel("Find a dashboard").fill("");
  await table(page).getByRole("button", { name: "ai", exact: true }).click();
  await param(page, "tag", "ai");
  await table(page).getByRole("link", { name: "AI service" }).click();
  await settled(page, "AI service");
  await page.waitForURL(/\/dashboards\/demo-ai-service/);
  await page.locator("[data-panel] canvas").first().waitFor();
  await back(async () => {
    await settled(page, "Dashboards");
    await param(page, "tag", "ai");
  });

  await open("/dashboards/demo-host", "Host");
  await panel(page, "Load").locator("canvas").first().waitFor();
  await panel(page, "Load").getByRole("button", { name: "Menu of Load" }).click();
  await page.getByRole("menuitem", { name: "View alone" }).click();
  await param(page, "panel", /^\d+$/);
  await gone(panel(page, "Memory"));
  await shared(async (other) => {
    await panel(other, "Load").locator("canvas").first().waitFor();
    check("it is alone", (await other.getByRole("article").count()) === 1);
  });
  await back(() => panel(page, "Fullest disk").waitFor());
  // What is chosen above the panels is in the address.
  await page.getByRole("button", { name: /^Job: / }).click();
  await page.getByRole("option").first().click();
  await param(page, "var-job", /.+/);
  await shared((other) => other.getByRole("button", { name: /^Job: / }).waitFor());
  await panel(page, "Load").getByRole("button", { name: "Menu of Load" }).click();
  await page.getByRole("menuitem", { name: "Explore" }).click();
  await settled(page, "Explore");
  await param(page, "q", /node_load1/);
  await back(() => panel(page, "Load").waitFor());
}

async function edited({ page, open, shared, back, url }) {
  await open("/dashboards/demo-host", "Host");
  await page.getByRole("button", { name: "Save a copy" }).click();
  await param(page, "edit", "true");
  await settled(page, "Host (copy)");
  await page.getByRole("button", { name: "Settings" }).click();
  const settings = page.getByRole("dialog", { name: "Settings of this dashboard" });
  await settings.getByLabel("Title").fill("A suite's copy");
  await page.keyboard.press("Escape");
  await gone(settings);
  await settled(page, "A suite's copy");

  await panel(page, "Load").getByRole("button", { name: "Menu of Load" }).click();
  await page.getByRole("menuitem", { name: "Edit" }).click();
  const editor = page.getByRole("dialog", { name: "Panel: Load" });
  await editor.getByLabel("Title").fill("Load of a suite");
  await editor.getByRole("button", { name: "Apply" }).click();
  await gone(editor);
  await panel(page, "Load of a suite").waitFor();
  // Taken back, and done again.
  await page.keyboard.press("Control+z");
  await panel(page, "Load").waitFor();
  await page.keyboard.press("Control+Shift+z");
  await panel(page, "Load of a suite").waitFor();
  // Made higher by keys.
  const place = () => panel(page, "Load of a suite").locator("xpath=..").getAttribute("style");
  const before = await place();
  await page.getByRole("button", { name: "Move Load of a suite" }).focus();
  await page.keyboard.press("Shift+ArrowDown");
  await page.waitForFunction((old) => document.querySelector('[aria-label="Load of a suite"]')?.parentElement?.getAttribute("style") !== old, before);

  await page.getByRole("button", { name: "Save copy" }).click();
  await page.waitForURL((address) => /\/dashboards\//.test(address.pathname) && !address.pathname.endsWith("demo-host") && !address.searchParams.has("edit"));
  await settled(page, "A suite's copy");
  await panel(page, "Load of a suite").waitFor();
  await page.reload();
  await panel(page, "Load of a suite").waitFor();
  await shared((other) => panel(other, "Load of a suite").waitFor());
  const { data } = await (await fetch(`${url}/api/bellwether/v1/dashboards`)).json();
  check("the file's dashboard stays, the copy is beside it", data.dashboards.some(({ title }) => title === "Host") && data.dashboards.some(({ title, source }) => title === "A suite's copy" && source === "saved"));
  await open("/dashboards?source=saved", "Dashboards");
  await page.getByRole("table", { name: "Dashboards" }).getByRole("link", { name: "A suite's copy" }).click();
  await settled(page, "A suite's copy");
  await back(() => settled(page, "Dashboards"));

  // One of our own: a panel that is typed, a variable, and the way away that asks.
  await open("/dashboards/new", "New dashboard");
  await page.getByRole("button", { name: "Number", exact: true }).click();
  const made = page.getByRole("dialog", { name: /^Panel: / });
  await made.getByLabel("Title").fill("Targets up");
  await made.getByRole("textbox", { name: /^Query A/ }).click();
  await page.keyboard.type("count(up == 1)");
  await made.getByRole("article").getByText(/^\d+$/).first().waitFor();
  await made.getByRole("button", { name: "Apply" }).click();
  await panel(page, "Targets up").getByText(/^\d+$/).first().waitFor();
  await page.getByRole("navigation", { name: "Pages", exact: true }).getByText("Overview").click();
  const leaving = page.getByRole("dialog", { name: "What you changed is not saved" });
  await leaving.getByRole("button", { name: "Stay" }).click();
  await gone(leaving);
  await page.getByRole("navigation", { name: "Pages", exact: true }).getByText("Overview").click();
  await leaving.getByRole("button", { name: "Leave without saving" }).click();
  await settled(page, "Overview");
}

async function imported({ page, open, shared, back }) {
  await open("/dashboards", "Dashboards");
  await page.getByRole("link", { name: "Import" }).click();
  await settled(page, "Import a dashboard");
  await page.getByLabel("JSON or YAML").fill("{ no JSON");
  await page.getByRole("button", { name: "Look at it" }).click();
  await seen(page, "It cannot be read");
  await page.getByLabel("JSON or YAML").fill(JSON.stringify(GRAFANA));
  await page.getByRole("button", { name: "Look at it" }).click();
  await settled(page, "Import: Brought by a suite");
  const report = page.getByRole("region", { name: "Panel by panel" });
  await report.getByText("Up by instance").waitFor();
  await choose(page, "Which panels", "Lost 1");
  await report.getByText("A clock").waitFor();
  await gone(report.getByText("Up by instance"));
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await settled(page, "Brought by a suite");
  await page.waitForURL(/\/dashboards\/suite-import/);
  await panel(page, "How many").getByText(/^\d+$/).first().waitFor();
  await panel(page, "Up by instance").locator("canvas").waitFor();
  await shared((other) => panel(other, "How many").getByText(/^\d+$/).first().waitFor());

  // A second time it is there already.
  await open("/dashboards/import", "Import a dashboard");
  await page.getByLabel("File").setInputFiles({ name: "suite.json", mimeType: "application/json", buffer: Buffer.from(JSON.stringify(GRAFANA)) });
  await settled(page, "Import: Brought by a suite");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByRole("heading", { name: "There is one already" }).waitFor();
  await page.getByRole("button", { name: "Save beside it" }).click();
  await settled(page, "Brought by a suite");
  check("it has an address of its own", !page.url().includes("suite-import"));

  // What was brought can be removed.
  await page.getByRole("button", { name: "Edit" }).click();
  await page.getByRole("button", { name: "Settings" }).click();
  await page.getByRole("button", { name: "Remove this dashboard" }).click();
  await page.getByRole("button", { name: "Remove it for good" }).click();
  await settled(page, "Dashboards");
  await page.getByRole("table", { name: "Dashboards" }).getByRole("link", { name: "Brought by a suite" }).waitFor();
  check("the first one stays", (await page.getByRole("table", { name: "Dashboards" }).getByRole("link", { name: "Brought by a suite" }).count()) === 1);
}
