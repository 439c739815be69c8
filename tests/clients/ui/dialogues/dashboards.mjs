// Dashboards: what is chosen, menus of panels and rows, the drawers in which they are changed, leaving and conflicts.
import { axe, check } from "../browser.mjs";
import { gone } from "../steps.mjs";
import { button, dialog, field, listbox, menu } from "./looker.mjs";

const UID = "suite-dialogues";

/** One that has all there is to open: variables of each kind, a menu of links, rows, a panel with a transformation. */
const DASHBOARD = {
  uid: UID, title: "Dialogues of a suite",
  links: [{ title: "Others", kind: "dashboards", asMenu: true, tags: [] }],
  variables: [
    { kind: "query", name: "job", label: "Job", query: "label_values(up, job)", multi: true, includeAll: true },
    { kind: "adhoc", name: "filters", label: "Filters" },
    { kind: "interval", name: "every", label: "Every", options: [{ value: "1m", text: "" }, { value: "5m", text: "" }] },
  ],
  rows: [{
    title: "First", panels: [
      { id: 1, kind: "time_series", title: "Up", grid: { x: 0, y: 0, w: 12, h: 8 }, queries: [{ refId: "A", expr: 'up{job=~"$job"}' }] },
      { id: 2, kind: "stat", title: "How many", grid: { x: 12, y: 0, w: 6, h: 8 }, queries: [{ refId: "A", expr: "count(up)" }] },
      { id: 3, kind: "text", title: "Words", grid: { x: 18, y: 0, w: 6, h: 8 }, text: { mode: "markdown", content: "# Words\n\nof a suite" } },
    ],
  }, { title: "Second", panels: [] }],
};

const kept = async (url) => (await (await fetch(`${url}/api/bellwether/v1/dashboards/${UID}`)).json()).data;

/** Saves it beside the page. */
async function save(url, dashboard) {
  const version = (await kept(url))?.version ?? 0;
  const answer = await fetch(`${url}/api/bellwether/v1/dashboards/${UID}?version=${version}`, { method: "PUT", headers: { "content-type": "application/json" }, body: JSON.stringify(dashboard) });
  check(`a dashboard can be saved (${answer.status}: ${await answer.text()})`, answer.ok);
}

export const prepare = (url) => save(url, DASHBOARD);

/** The entry of a menu is what opens it. */
const by = (page, from, name) => async () => {
  await from.click();
  await page.getByRole("menuitem", { name, exact: true }).click();
};

export async function dashboards({ page, url, open, look }) {
  await open("/dashboards/demo-ai-service", "AI service");
  await look("the menu of a panel", button(page, /^Menu of /), menu(page));
  await look("a dashboard as code", button(page, "As code"), dialog(page, "This dashboard as code"), { look: () => dialog(page).getByText("demo-ai-service").first().waitFor() });
  const shown = button(page, /^Menu of /);
  await look("a panel as YAML", shown, dialog(page, / as YAML$/), { open: by(page, shown, "As YAML") });

  await open(`/dashboards/${UID}`, DASHBOARD.title);
  await look("several values of a variable", button(page, /^Job: /), listbox(page), { look: () => page.getByRole("option", { name: "ai-daemon" }).click() });
  await look("one value of a variable", button(page, /^Every: /), listbox(page));
  await look("the menu of links", button(page, "Others"), menu(page), { look: () => page.getByRole("menuitem", { name: "Host" }).waitFor() });
  await button(page, "Filters").click();
  await look("the label of a filter", field(page, "Label"), listbox(page), { look: () => page.getByRole("option", { name: "job", exact: true }).waitFor() });
  await button(page, "Never mind").click();

  await open("/dashboards/demo-host?edit=true", "Host (copy)");
  await look("a panel as YAML while it is edited", button(page, "Menu of Load"), dialog(page, "Load as YAML"), { open: by(page, button(page, "Menu of Load"), "As YAML") });

  // What was changed is not lost by a wrong click: the way away asks.
  await by(page, button(page, "Menu of Load"), "Duplicate")();
  const away = page.getByRole("navigation", { name: "Pages", exact: true }).getByRole("link", { name: "AI", exact: true });
  await look("leaving what is not saved", away, dialog(page, "What you changed is not saved"));
  await button(page, "Discard").click();
  await dialog(page, "What you changed is not saved").getByRole("button", { name: "Leave without saving" }).click();
  await page.waitForURL((address) => !address.searchParams.has("edit"));

  await open(`/dashboards/${UID}?edit=true`, DASHBOARD.title);
  await drawers({ page, look });

  // Somebody else saves first.
  await open(`/dashboards/${UID}?edit=true`, DASHBOARD.title);
  await button(page, "Settings").click();
  await page.getByLabel("What it is for").fill("changed by a suite");
  await page.keyboard.press("Escape");
  await gone(dialog(page));
  await save(url, { ...DASHBOARD, description: `saved first, ${Date.now()}` });
  await look("a conflict", button(page, "Save"), dialog(page, "Somebody else was first"));
  await button(page, "Discard").click();
  await dialog(page).getByRole("button", { name: "Leave without saving" }).click();
  await page.waitForURL((address) => !address.searchParams.has("edit"));

  await imported({ page, open });
}

export async function dashboardsOnPhones({ page, open, look }) {
  await open(`/dashboards/${UID}`, DASHBOARD.title);
  await look("several values of a variable", button(page, /^Job: /), listbox(page));
  await open(`/dashboards/${UID}?edit=true`, DASHBOARD.title);
  await drawers({ page, look });
  await imported({ page, open });
}

/** Where a dashboard and its panels are changed. */
async function drawers({ page, look }) {
  await look("what can be added", button(page, "Add"), menu(page));
  await look("the settings", button(page, "Settings"), dialog(page, "Settings of this dashboard"), { look: () => button(dialog(page), "Remove this dashboard").click() });
  await look("the settings with a time that is chosen from a list", button(page, "Settings"), dialog(page, "Settings of this dashboard"), { look: () => field(dialog(page), "Refreshes").click().then(() => page.getByRole("option", { name: "every 5s" }).waitFor()), presses: 2 });
  await look("the settings without a title", button(page, "Settings"), dialog(page, "Settings of this dashboard"), { look: () => dialog(page).getByLabel("Title").fill("") });
  await page.keyboard.press("Control+z");
  await look("the variables", button(page, "Variables"), dialog(page, "Variables"));
  await look("a draft as code", button(page, "As code"), dialog(page, "This dashboard as code"));
  await look("the menu of a row", button(page, "Menu of row First"), menu(page));
  const own = button(page, "Menu of Up");
  await look("the menu of a panel that is edited", own, menu(page));
  const opened = { open: by(page, own, "Edit") };
  const editor = dialog(page, "Panel: Up");
  await look("the editor of a panel", own, editor, { ...opened, look: () => editor.locator("canvas").first().waitFor() });
  await look("the kinds of panels", own, editor, { ...opened, look: () => field(editor, "Kind").click().then(() => page.getByRole("option", { name: "Table" }).waitFor()), presses: 2 });
  await look("the transformations of a panel", own, editor, { ...opened, look: async () => { await editor.getByText(/^Transformations/).click(); await button(editor, "Transformation").click(); await menu(page).waitFor(); }, presses: 2 });
  const words = button(page, "Menu of Words");
  await look("the editor of a text", words, dialog(page, "Panel: Words"), { open: by(page, words, "Edit") });

  // What was changed is not lost by Escape: it asks, and asks no more once it was dropped.
  await opened.open();
  await editor.getByLabel("Title").fill("Up and up");
  const changed = dialog(page, "Panel: Up and up");
  await changed.getByLabel("Title").press("Escape");
  const sure = dialog(page, "Drop what you changed?");
  await look("dropping the changes of a panel", changed.getByLabel("Title"), sure, { open: async () => {} });
  // In the editor of queries it closes what is completed, then leaves the editor.
  await changed.getByRole("textbox", { name: /^Query A/ }).click();
  await page.keyboard.type(" + demo_req");
  await page.locator(".cm-tooltip-autocomplete").waitFor();
  await page.keyboard.press("Escape");
  await gone(page.locator(".cm-tooltip-autocomplete"));
  check("nothing is asked", (await sure.count()) === 0);
  await page.keyboard.press("Escape");
  await page.keyboard.press("Escape");
  await sure.getByRole("button", { name: "Drop changes" }).click();
  await gone(changed);
}

async function imported({ page, open }) {
  await open("/dashboards/import", "Import a dashboard");
  await page.getByLabel("JSON or YAML").fill(JSON.stringify({ title: "Brought", schemaVersion: 39, panels: [{ id: 1, type: "some-clock-panel", title: "A clock", gridPos: { x: 0, y: 0, w: 6, h: 8 } }] }));
  await page.getByRole("button", { name: "Look at it" }).click();
  await page.getByRole("region", { name: "Panel by panel" }).getByText("A clock").first().waitFor();
  await axe(page, "what an import comes to");
  await open("/dashboards/import", "Import a dashboard");
  await page.getByLabel("JSON or YAML").fill("{ no JSON");
  await page.getByRole("button", { name: "Look at it" }).click();
  await page.getByText("It cannot be read").first().waitFor();
  await axe(page, "an import that cannot be read");
}
