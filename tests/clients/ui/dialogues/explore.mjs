// Menus of queries, completion, steps, exemplars, and what is different.
import { button, dialog, menu } from "./looker.mjs";

export async function explore({ page, open, look }) {
  await open("/explore?q=histogram_quantile(0.95, sum by (le) (rate(gen_ai_client_operation_duration_seconds_bucket[5m])))&exemplars=true", "Explore");
  await look("what was asked before, of nothing", button(page, "What was asked before"), menu(page));
  await page.getByRole("textbox", { name: "Query A" }).press("Control+Enter");
  await look("what was asked before", button(page, "What was asked before"), menu(page), { look: () => page.getByRole("menuitem", { name: "Forget them" }).waitFor() });
  await look("the menu of a query", button(page, "More for query A"), menu(page));
  await look("the options", button(page, "Options"), dialog(page));
  // Completion is of the editor: its first Escape closes it, and the editor keeps the focus.
  const editor = page.getByRole("textbox", { name: "Query A" });
  await look("the completion", editor, page.locator(".cm-tooltip-autocomplete"), { open: async () => { await editor.click(); await page.keyboard.press("Control+a"); await page.keyboard.type("demo_req"); } });
  await page.getByRole("switch", { name: "Build by steps" }).click();
  await editor.click();
  await page.keyboard.press("Control+a");
  await page.keyboard.type("demo_requests_total");
  await page.keyboard.press("Control+Enter");
  await look("the steps that can be added", page.getByRole("group", { name: "Steps of query A" }).getByRole("button", { name: "Step", exact: true }), menu(page));

  // Single observations: they are drawn, so that the mouse looks for one.
  await open("/explore?q=histogram_quantile(0.95, sum by (le) (rate(gen_ai_client_operation_duration_seconds_bucket[5m])))&exemplars=true&from=now-15m&refresh=0", "Explore");
  const over = page.locator('[data-chart="Query A over time"] .u-over');
  await page.getByText(/exemplars? as a list/).waitFor();
  await look("an exemplar", null, dialog(page, "Exemplar"), { open: () => clickPoint(page, over) });
  // The same by the keyboard, from the list.
  await page.getByText(/exemplars? as a list/).click();
  const row = page.getByRole("table", { name: "Exemplars" }).locator("[data-row='0']");
  await look("an exemplar of the list", row, dialog(page, "Exemplar"), { open: async () => { await row.focus(); await page.keyboard.press("Enter"); } });

  // What is different: what it is compared with, and what can be done with a value.
  await open("/explore?q=sum by (gen_ai_request_model) (rate(gen_ai_client_operation_duration_seconds_count[5m]))&refresh=0", "Explore");
  await button(page, "What is different here?").click();
  await button(page, "the second half").click();
  await look("what it is compared with", button(page, /^Against/), menu(page));
  await look("a value that differs", page.locator("section[aria-label] ul").getByRole("button").first(), menu(page));
}

/** Points at the chart, line by line, until a point answers; clicks it. */
async function clickPoint(page, over) {
  const { x, y, width, height } = await over.boundingBox();
  const tip = page.locator(".chart-point-tip:not([hidden])");
  for (let down = 6; down < height; down += 12) {
    for (let right = 6; right < width; right += 12) {
      await page.mouse.move(x + right, y + down);
      if ((await tip.count()) === 0) continue;
      await page.mouse.click(x + right, y + down);
      return;
    }
  }
  throw new Error("no exemplar is drawn");
}
