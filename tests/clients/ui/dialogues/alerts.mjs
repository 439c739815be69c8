// Silences, acknowledgements, and the lists of alerts.
import { check } from "../browser.mjs";
import { button, dialog, field, listbox } from "./looker.mjs";

const WHY = "looked at by a suite";

export async function alerts({ page, url, open, look }) {
  await open("/alerts", "Alerts");
  const silence = button(page, "New silence");
  await look("a silence of nothing yet", silence, dialog(page, "Silence alerts"), { look: () => dialog(page).getByText("At least one matcher").or(dialog(page).getByText("Say which alerts are meant")).first().waitFor() });
  const matcher = async (operator, value, text) => {
    await field(dialog(page), "Operator 1").click();
    await page.getByRole("option", { name: operator }).click();
    await dialog(page).getByLabel("Value 1").fill(value);
    await dialog(page).getByText(text).first().waitFor();
    await dialog(page).getByLabel("Why").focus();
  };
  await look("a silence of all that fires", silence, dialog(page, "Silence alerts"), { look: () => matcher("=~ matches", ".+", /It hides all|It hides 1 alert now/) });
  await look("a silence with a wrong pattern", silence, dialog(page, "Silence alerts"), { look: () => matcher("=~ matches", "(", "Mend the matcher that is marked.") });
  await look("a silence with a wrong end", silence, dialog(page, "Silence alerts"), {
    look: async () => {
      await dialog(page).getByRole("radiogroup", { name: "For" }).locator("label").last().click();
      await dialog(page).getByLabel("Duration or end").fill("never");
      await dialog(page).getByText("want a duration").first().waitFor();
    },
  });
  await look("the silence of an alert", button(page, "Silence ProviderEntityDown"), dialog(page, "Silence alerts"), { look: () => dialog(page).getByText(/It hides/).waitFor() });
  await look("the acknowledgement", button(page, "Acknowledge ProviderEntityDown"), dialog(page, "Acknowledge the alert"));
  const group = field(page, "Group by");
  await look("what is grouped by", group, listbox(page));

  // Two at once, which somebody else's Prometheus has sent.
  const sent = ["SuiteFirst", "SuiteSecond"].map((alertname) => ({ labels: { alertname, severity: "info" }, annotations: { summary: WHY } }));
  const answer = await fetch(`${url}/am/api/v2/alerts`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(sent) });
  check(`alerts are taken (${answer.status})`, answer.ok);
  for (const { labels } of sent) await page.getByRole("checkbox", { name: `Select ${labels.alertname}` }).click();
  const bulk = page.getByRole("toolbar", { name: "What was selected" });
  await look("the acknowledgement of two", button(bulk, "Acknowledge"), dialog(page, "Acknowledge 2 alerts"));
  await look("the silence of two", button(bulk, "Silence"), dialog(page, "Silence alerts"), { look: () => dialog(page).getByText(/It hides/).waitFor() });

  const firing = (await (await fetch(`${url}/am/api/v2/alerts`)).json()).find(({ labels }) => labels.alertname === "ProviderEntityDown");
  await open(`/alerts/one/${firing.fingerprint}`, "ProviderEntityDown");
  await look("the silence of one alert", button(page, "Silence"), dialog(page, "Silence alerts"), { look: () => dialog(page).getByText(/It hides/).waitFor() });
  await look("the acknowledgement of one alert", button(page, "Acknowledge"), dialog(page, "Acknowledge the alert"));
  await open("/alerts/silences", "Silences");
  await look("a new silence", button(page, "New silence"), dialog(page, "Silence alerts"));
  await button(page, "New silence").click();
  await dialog(page).getByLabel("Value 1").fill("NothingIsCalledSo");
  await dialog(page).getByLabel("Why").fill(WHY);
  await dialog(page).getByRole("button", { name: "Silence", exact: true }).click();
  const mine = page.getByRole("listitem").filter({ hasText: WHY });
  const change = mine.getByRole("button", { name: "Change" });
  await look("a silence that is changed", change, dialog(page, "Change the silence"));
  await mine.getByRole("button", { name: "End it now" }).click();
  await mine.waitFor({ state: "detached" });
  await open("/alerts/simulate?rule=ToolCallsFail", "Simulate");
  await look("the rules", field(page, "Rule"), listbox(page));
}
