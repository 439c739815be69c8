// Every page is used: looked at, clicked through, typed into; its address is opened by somebody else; the way back leads back.
import { alerts } from "./interact/alerts.mjs";
import { explore } from "./interact/explore.mjs";
import { dashboards } from "./interact/dashboards.mjs";
import { ai, forecasts, objectives, scaling } from "./interact/foresight.mjs";
import { health, overview } from "./interact/health.mjs";
import { shell } from "./interact/shell.mjs";
import { system } from "./interact/system.mjs";
import { breakProvider } from "./steps.mjs";

const AREAS = { overview, explore, ai, alerts, health, objectives, forecasts, scaling, dashboards, system, shell };

/** All of it, or the areas that INTERACT names. */
export async function run(at) {
  const wanted = (process.env.INTERACT ?? "").split(",").filter(Boolean);
  await breakProvider(at.url);
  for (const [name, use] of Object.entries(AREAS)) if (wanted.length === 0 || wanted.includes(name)) await use(at);
}
