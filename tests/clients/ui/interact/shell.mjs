// What is around the pages: bookmarks of Prometheus, addresses of what is not there, the finder, the navigation.
import { check, settled } from "../browser.mjs";
import { gone, param, seen, using } from "../steps.mjs";

/** Where bookmarks lead. */
const BOOKMARKS = [
  ["/system", "/system/targets", "Targets"],
  ["/targets", "/system/targets", "Targets"],
  ["/service-discovery", "/system/discovery", "Discovery"],
  ["/status", "/system/status", "Status"],
  ["/tsdb-status", "/system/storage", "Storage"],
  ["/flags", "/system/config", "Configuration"],
  ["/config", "/system/config", "Configuration"],
  ["/rules", "/alerts/rules", "Rules"],
];

/** What is not there, the words that say so, and the link that leads on. */
const NOT_THERE = [
  ["/alerts/nonsense", "There is no such part of Alerts", "All alerts", "Alerts"],
  ["/alerts/one/0000000000000000", "There is no such alert", "All alerts", "Alerts"],
  ["/health/probes/none", "There is no such probe", "All probes", "Health"],
  ["/health/entities/none", "There is no such entity", "All entities", "Health"],
  ["/objectives/none", "There is no such objective", "See those that there are", "Objectives"],
  ["/dashboards/none", "There is no such dashboard", "All dashboards", "Dashboards"],
  ["/system/nonsense", "There is no page at this address", "Go to the overview", "Overview"],
];

export async function shell(at) {
  await using(at, "Bookmarks", bookmarks);
  await using(at, "What is not there", notThere, ["404 (Not Found)"]);
  await using(at, "Finder and navigation", around);
}

async function bookmarks({ page, open }) {
  for (const [from, to, heading] of BOOKMARKS) {
    await open(from, heading);
    check(`${from} leads to ${to} (${page.url()})`, new URL(page.url()).pathname === to);
  }
  await open("/graph?g0.expr=count(up)&g0.range_input=6h&g0.tab=1&g1.expr=up", "Explore");
  await param(page, "view", "table");
  await param(page, "from", "now-6h");
  for (const [letter, query] of [["A", "count(up)"], ["B", "up"]]) await page.getByRole("textbox", { name: `Query ${letter}` }).getByText(query, { exact: true }).first().waitFor();
  await open("/query?g0.expr=up", "Explore");
  await page.locator('[data-chart="Query A over time"] canvas').waitFor();
}

async function notThere({ page, open, back }) {
  for (const [address, words, link, heading] of NOT_THERE) {
    await open(address, /./);
    await seen(page, words);
    await page.locator("#main").getByRole("link", { name: link }).last().click();
    await settled(page, heading);
    await back(() => seen(page, words));
  }
}

async function around({ page, open, shared, back }) {
  const pages = page.getByRole("navigation", { name: "Pages", exact: true });
  await open("/?from=now-3h", "Overview");
  // The span of time goes along.
  for (const name of ["Explore", "AI", "Alerts", "Health", "Objectives", "Forecasts", "Scaling", "Dashboards"]) {
    await pages.getByRole("link", { name }).click();
    await settled(page, name);
    await param(page, "from", "now-3h");
  }
  await pages.getByRole("link", { name: "System" }).click();
  await settled(page, "Targets");
  await back(() => settled(page, "Dashboards"));

  await page.getByRole("button", { name: "Narrow navigation" }).click();
  await gone(pages.getByText("Explore", { exact: true }).filter({ visible: true }));
  await page.reload();
  await page.getByRole("button", { name: "Wide navigation" }).click();
  await pages.getByText("Explore", { exact: true }).waitFor();

  // Anything is found by its name; what reads like a query is asked.
  const find = page.getByRole("combobox", { name: "Find anything" });
  await page.getByRole("button", { name: "Find anything (/)" }).click();
  await find.fill("daemon-ready");
  await page.getByRole("option", { name: /daemon-ready.*Probe/ }).click();
  await settled(page, "daemon-ready");
  await page.waitForURL(/\/health\/probes\/daemon-ready/);
  await shared((other) => settled(other, "daemon-ready"));
  await page.keyboard.press("/");
  await find.fill("count(up)");
  await page.getByRole("option", { name: /count\(up\).*Query/ }).waitFor();
  await page.keyboard.press("Enter");
  await settled(page, "Explore");
  await param(page, "q", /count\(up\)/);
  await back(() => settled(page, "daemon-ready"));
  await back(() => settled(page, "Dashboards"));
}
