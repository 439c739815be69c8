// Every dialogue, drawer, menu and popover, in both colours: nothing serious for axe-core while it is open; Escape closes it
// and gives the focus back to what it was opened from.
import path from "node:path";
import { check, openPage, settled } from "./browser.mjs";
import { alerts } from "./dialogues/alerts.mjs";
import { dashboards, dashboardsOnPhones, prepare } from "./dialogues/dashboards.mjs";
import { everywhere, phone } from "./dialogues/everywhere.mjs";
import { explore } from "./dialogues/explore.mjs";
import { looker } from "./dialogues/looker.mjs";
import { pages } from "./dialogues/pages.mjs";
import { breakProvider } from "./steps.mjs";

const AREAS = { everywhere, phone, alerts, explore, pages, dashboards, dashboardsOnPhones };
const ON_PHONES = [phone, dashboardsOnPhones];

/** All of them, or the areas that DIALOGUES names. */
export async function run({ browser, url, shots }) {
  const wanted = (process.env.DIALOGUES ?? "").split(",").filter(Boolean);
  await breakProvider(url);
  await prepare(url);
  for (const scheme of ["dark", "light"]) {
    for (const [name, use] of Object.entries(AREAS)) {
      if (wanted.length > 0 && !wanted.includes(name)) continue;
      const begun = Date.now();
      const { page, problems, context } = await openPage(browser, url, { scheme, width: ON_PHONES.includes(use) ? 390 : 1440, allowed: ["400 (Bad Request)", "409 (Conflict)"] });
      const open = async (address, heading) => {
        await page.goto(url + address);
        await settled(page, heading);
      };
      await use({ page, url, open, look: looker(page, scheme, shots) }).catch(async (error) => {
        if (shots) await page.screenshot({ path: path.join(shots, `failed-${name}-${scheme}.png`) });
        throw new Error(`${name} in ${scheme}, at ${page.url()}`, { cause: error });
      });
      check(`no errors in ${name}, ${scheme}: ${problems.join("; ")}`, problems.length === 0);
      await context.close();
      console.log(`${name} in ${scheme}: ${((Date.now() - begun) / 1000).toFixed(1)} s`);
    }
  }
}
