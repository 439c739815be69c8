// What can be opened on every page, and the drawers of phones.
import { gone } from "../steps.mjs";
import { button, dialog, field, menu } from "./looker.mjs";

export async function everywhere({ page, open, look }) {
  await open("/", "Overview");
  const times = page.getByTestId("time-range");
  await look("the time picker", times, dialog(page));
  await look("the time picker with a wrong time", times, dialog(page), { look: () => page.getByLabel("From", { exact: true }).fill("never") });
  await look("the zones", times, dialog(page), { presses: 2, look: () => field(page, "Time zone").click().then(() => page.getByRole("option").first().waitFor()) });
  await look("the refresh menu", button(page, /how often it refreshes/), menu(page));
  await look("the look menu", button(page, "Look: colours and times"), menu(page));
  const finder = button(page, "Find anything (/)");
  await look("the finder", finder, dialog(page), { look: () => page.getByRole("combobox", { name: "Find anything" }).fill("polaris").then(() => page.getByRole("option", { name: /polaris/ }).first().waitFor()) });
  await look("the finder without an answer", finder, dialog(page), { look: () => page.getByRole("combobox", { name: "Find anything" }).fill("qqqqqqqq").then(() => page.getByText("Nothing is named so.").waitFor()) });
  // Keys of the page wait until a dialogue has gone.
  await gone(page.locator('[role="dialog"]'));
  await look("the keys", finder, dialog(page, "Keys"), { open: () => page.keyboard.press("?") });
}

export async function phone({ page, open, look }) {
  await open("/", "Overview");
  await look("all pages", button(page, "More"), dialog(page, "Pages"));
  await look("the time picker", page.getByTestId("time-range"), dialog(page));
  await look("the finder", button(page, "Find anything (/)"), dialog(page));
  await open("/ai?tab=models", "AI");
  await look("a model", page.getByRole("list", { name: "Models" }).getByRole("link", { name: /meridian-large/ }), dialog(page, /Model/));
  await open("/alerts", "Alerts");
  await look("a silence", button(page, "New silence"), dialog(page, "Silence alerts"));
  await open("/system/targets", "Targets");
  await look("a target", page.locator('#main a[href*="target="]').first(), dialog(page));
  await open("/dashboards/demo-host", "Host");
  await look("the menu of a panel", button(page, "Menu of Processor"), menu(page));
  await look("a dashboard as code", button(page, "As code"), dialog(page, "This dashboard as code"));
}
