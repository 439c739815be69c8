// AI, System and Health.
import { axe } from "../browser.mjs";
import { button, dialog, field, listbox } from "./looker.mjs";

export async function pages({ page, open, look }) {
  await open("/ai?tab=models", "AI");
  await look("a model", page.getByRole("table", { name: "Models" }).locator("[data-row]").filter({ hasText: "meridian-large" }), dialog(page, /Model meridian-large/), { look: () => dialog(page).locator("[data-chart] canvas").first().waitFor() });
  await open("/ai?tab=tools", "AI");
  await look("a tool", page.getByRole("table", { name: "Tools" }).locator("[data-row]").filter({ hasText: "search" }), dialog(page, /^Tool /), { look: () => dialog(page).locator("[data-chart] canvas").first().waitFor() });
  await open("/system/targets", "Targets");
  await look("a target", page.getByRole("table", { name: "Targets" }).locator("[data-row='0']"), dialog(page), { look: () => dialog(page).locator('[data-chart="Up"]').waitFor() });
  await open("/health", "Health");
  await button(page, "Check now: daemon-ready").click();
  await page.getByRole("list", { name: "Steps of the check" }).getByRole("listitem").first().waitFor();
  await axe(page, "the result of a check");
  await open("/health?tab=maintenance", "Health");
  const covered = page.getByRole("textbox", { name: "Probes and entities" }).or(page.getByRole("combobox", { name: "Probes and entities" })).first();
  await look("what is worked on", covered, listbox(page));
  await look("how long it lasts", field(page, "Lasts"), listbox(page));
  await open("/system/config", "Configuration");
  await page.getByText("--web.enable-lifecycle").first().waitFor();
  await axe(page, "reading the configuration anew");
}
