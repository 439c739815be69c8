// How long the page's thread is busy at a time, in CPU milliseconds: not part of the gate, which measures no times.
//   cargo run --release -- demo; NODE_PATH=… node tests/clients/ui/run.mjs http://127.0.0.1:9090 speed
import { openPage } from "./browser.mjs";

const asked = (...list) => encodeURIComponent(JSON.stringify(list.map((expr) => ({ expr }))));
const buckets = "gen_ai_client_operation_duration_seconds_bucket";
const series = "instance, le, gen_ai_request_model, gen_ai_provider_name, error_type, gen_ai_operation_name, job";
const SCENES = {
  "50 series of 24 h at 15 s": { path: `/explore?q=${asked(`topk(50, ${buckets} @ end()) * 0 + on(${series}) ${buckets}`)}&step=15&from=now-24h&refresh=0`, wait: ".u-over" },
  "heat map of 24 h": { path: `/explore?q=${asked("gen_ai_client_operation_duration_seconds")}&view=heat&from=now-24h&refresh=0`, wait: ".u-over" },
  "table of 10,000 rows": { path: `/explore?q=${asked('{__name__=~".+"}', '{__name__=~".+"} offset 1m', '{__name__=~".+"} offset 2m')}&view=table&refresh=0`, wait: "[role=rowgroup] [role=row]" },
};

/** Runs something and tells the longest tasks of the page's thread meanwhile. */
async function traced(page, what, act) {
  const client = await page.context().newCDPSession(page);
  const events = [];
  client.on("Tracing.dataCollected", ({ value }) => events.push(...value));
  await client.send("Tracing.start", { traceConfig: { includedCategories: ["toplevel", "__metadata"] }, transferMode: "ReportEvents" });
  await act();
  const complete = new Promise((resolve) => client.once("Tracing.tracingComplete", resolve));
  await client.send("Tracing.end");
  await complete;
  const threads = new Set(events.filter(({ name, args }) => name === "thread_name" && args.name === "CrRendererMain").map(({ pid, tid }) => `${pid}/${tid}`));
  const tasks = events.filter(({ name, ph, pid, tid }) => name.endsWith("RunTask") && ph === "X" && threads.has(`${pid}/${tid}`));
  const longest = tasks.map(({ tdur }) => (tdur ?? 0) / 1000).sort((a, b) => b - a).slice(0, 3);
  console.log(`${what}: longest tasks ${longest.map((ms) => ms.toFixed(0)).join(", ")} ms`);
}

const pause = (page, ms) => page.waitForTimeout(ms);

export async function run({ browser, url }) {
  for (const [name, scene] of Object.entries(SCENES)) {
    const { page, context } = await openPage(browser, url);
    await page.goto(`${url}/explore?q=up&refresh=0`);
    await page.waitForSelector(".cm-content");
    await pause(page, 2_500);
    await traced(page, `${name}, asked and drawn`, async () => {
      await page.evaluate((path) => {
        history.pushState({}, "", path);
        dispatchEvent(new PopStateEvent("popstate"));
      }, scene.path);
      await page.waitForSelector(scene.wait, { timeout: 60_000 });
      await pause(page, 6_000);
    });
    const box = await page.locator(scene.wait === ".u-over" ? ".u-over" : "[role=table]").first().boundingBox();
    if (scene.wait === ".u-over") {
      await traced(page, `${name}, hovered`, async () => {
        for (let at = 0; at < 60; at += 1) {
          await page.mouse.move(box.x + 40 + at * 18, box.y + 60 + (at % 9) * 22);
          await pause(page, 16);
        }
      });
      await traced(page, `${name}, zoomed`, async () => {
        await page.mouse.move(box.x + 300, box.y + 80);
        await page.mouse.down();
        await page.mouse.move(box.x + 800, box.y + 84, { steps: 12 });
        await page.mouse.up();
        await pause(page, 5_000);
      });
    } else {
      await traced(page, `${name}, scrolled`, async () => {
        await page.mouse.move(box.x + 300, box.y + 200);
        for (let at = 0; at < 40; at += 1) {
          await page.mouse.wheel(0, at % 8 === 7 ? 20_000 : 700);
          await pause(page, 40);
        }
      });
      await traced(page, `${name}, sorted`, async () => {
        await page.getByRole("columnheader", { name: "metric" }).getByRole("button").click();
        await pause(page, 1_500);
      });
    }
    await context.close();
  }
}
