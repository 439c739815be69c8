// Explore: typed, completed, asked, zoomed, seen as a table and as a heat map, built by steps, shared.
import { check, settled } from "../browser.mjs";
import { choose, drag, gone, param, pick, seen, using } from "../steps.mjs";

const CHART = "Query A over time";

export const explore = (at) => using(at, "Explore", async ({ page, open, shared, back }) => {
  const editor = (letter) => page.getByRole("textbox", { name: `Query ${letter}` });
  const span = page.getByTestId("time-range");

  await open("/explore", "Explore");
  await page.getByLabel("Find a metric").fill("disk used");
  await page.getByRole("link", { name: /disk_used_bytes/ }).first().waitFor();

  await editor("A").click();
  await page.keyboard.type("demo_requests_to");
  await page.locator(".cm-tooltip-autocomplete").getByRole("option", { name: "demo_requests_total" }).first().click();
  check("the completion is taken", (await editor("A").innerText()).trim() === "demo_requests_total");
  await page.keyboard.press("Control+Enter");
  await param(page, "q", /demo_requests_total/);
  await page.locator(`[data-chart="${CHART}"] canvas`).waitFor();
  await seen(page, /^[1-9]\d* series$/);

  // A drag looks closer; the address has it; the way back undoes it.
  check(`it begins with the last hour (${await span.innerText()})`, (await span.innerText()) === "Last hour");
  await drag(page, CHART, 0.3, 0.6);
  await param(page, "from", /^\d{13}$/);
  const { searchParams } = new URL(page.url());
  const minutes = (Number(searchParams.get("to")) - Number(searchParams.get("from"))) / 60_000;
  check(`three tenths of an hour are shown (${minutes} min)`, Math.abs(minutes - 18) < 2);
  const told = await span.innerText();
  await shared(async (other) => {
    await other.locator(`[data-chart="${CHART}"] canvas`).waitFor();
    check("somebody else sees the same time", (await other.getByTestId("time-range").innerText()) === told);
    check("and the same query", (await other.getByRole("textbox", { name: "Query A" }).innerText()).trim() === "demo_requests_total");
  });
  await back(async () => {
    await param(page, "from", null);
    await span.getByText("Last hour").waitFor();
  });

  // The table, by its values.
  await page.goto(`${page.url().split("?")[0]}?q=sum by (gen_ai_request_model) (rate(gen_ai_client_operation_duration_seconds_count[5m]))`);
  await settled(page, "Explore");
  await choose(page, "View", "Table");
  await param(page, "view", "table");
  const table = page.getByRole("table", { name: "Values at the end of the span" });
  await table.getByRole("button", { name: "Value" }).click();
  await table.locator("[aria-sort=descending]").waitFor();
  const values = await table.locator("[data-row] [role=cell]:last-child [title]").evaluateAll((cells) => cells.map((cell) => Number(cell.getAttribute("title"))));
  check(`several values, the largest first (${values})`, values.length > 2 && values.every((value, index) => index === 0 || value <= values[index - 1]));
  await page.getByLabel("Find in the table").fill("polaris-pro");
  await seen(page, /^1 of \d+ rows$/);
  await shared((other) => other.getByRole("table", { name: "Values at the end of the span" }).getByText("meridian-large").waitFor());
  await back(() => page.locator(`[data-chart="${CHART}"] canvas`).waitFor());

  // What is no histogram is no heat map; one that is offered is.
  await open("/explore?q=count(up)", "Explore");
  await choose(page, "View", "Heat map");
  await seen(page, "This is not a histogram");
  await page.locator("#main").getByRole("button", { name: /_seconds$/ }).first().click();
  await param(page, "q", /_seconds"/);
  await page.locator("[data-heatmap] canvas").waitFor();
  await seen(page, /[1-9].* values in [1-9].* cells/);
  await shared((other) => other.locator("[data-heatmap] canvas").waitFor());
  await back(() => seen(page, "This is not a histogram"));

  // Two queries, one of them hidden.
  await open("/explore?q=count(up)", "Explore");
  await page.getByRole("button", { name: "Add a query" }).click();
  await editor("B").click();
  await page.keyboard.type("count(up == 1)");
  await page.keyboard.press("Control+Enter");
  await param(page, "q", /count\(up == 1\)/);
  await page.locator('[data-chart="Query A, B over time"]').waitFor();
  await page.getByRole("button", { name: "Query B is shown" }).click();
  await param(page, "q", /"hidden":true/);
  await page.locator(`[data-chart="${CHART}"]`).waitFor();
  await shared((other) => other.getByRole("button", { name: "Query B is hidden" }).waitFor());
  await back(() => page.locator('[data-chart="Query A, B over time"]').waitFor());

  // By steps, in words.
  await open("/explore?q=sum(rate(demo_requests_total[5m]))", "Explore");
  await page.getByRole("switch", { name: "Build by steps" }).click();
  const steps = page.getByRole("group", { name: "Steps of query A" });
  await steps.getByRole("button", { name: "Step", exact: true }).click();
  await page.getByRole("menuitem", { name: "Multiply" }).click();
  await page.waitForFunction(() => /\* 100/.test(document.querySelector(".cm-content")?.textContent ?? ""));
  await page.getByRole("button", { name: "Run" }).click();
  await param(page, "q", /\* 100/);
  await param(page, "builder", "true");
  await shared((other) => other.getByRole("group", { name: "Steps of query A" }).getByText("In words").or(other.getByRole("list", { name: "In words" })).first().waitFor());

  // How lines are drawn.
  await page.getByRole("button", { name: "Options" }).click();
  await pick(page, "Drawn as", "Stacked areas");
  await param(page, "draw", "stacked");
  await page.keyboard.press("Escape");
  await back(() => param(page, "draw", null));

  // What is different here: it is in the address, until it is closed.
  await page.getByRole("button", { name: "What is different here?" }).click();
  await page.getByRole("button", { name: "the second half" }).click();
  await param(page, "diff", /^\d+,\d+/);
  await page.getByRole("heading", { level: 2, name: "What is different here?" }).waitFor();
  await shared((other) => other.getByRole("heading", { level: 2, name: "What is different here?" }).waitFor());
  await back(() => gone(page.getByRole("heading", { level: 2, name: "What is different here?" })));

  // A wrong query says where; it is mended without another page.
  await editor("A").click();
  await page.keyboard.press("Control+a");
  await page.keyboard.type("up +");
  await page.keyboard.press("Control+Enter");
  await page.getByRole("alert").getByText(/line 1, character/).waitFor();

  // A link keeps the times that are shown.
  await open("/explore?q=up", "Explore");
  await page.getByRole("button", { name: "Share" }).click();
  await page.getByRole("button", { name: "Link copied" }).waitFor();
  const copied = new URL(await page.evaluate(() => navigator.clipboard.readText()));
  check(`the link has the times (${copied})`, /^\d{13}$/.test(copied.searchParams.get("from")) && /^\d{13}$/.test(copied.searchParams.get("to")));
}, ["400 (Bad Request)"]);
