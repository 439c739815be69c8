// What the first view of the overview costs: bytes that were transferred, and when it was usable.
import { check, openPage, settled } from "./browser.mjs";

const BYTES_MAX = 400_000;

export async function run({ browser, url }) {
  const { page, context, problems } = await openPage(browser, url);
  const client = await context.newCDPSession(page);
  await client.send("Network.enable");
  const names = new Map();
  let files = 0;
  let answers = 0;
  client.on("Network.responseReceived", ({ requestId, response }) => names.set(requestId, response.url));
  client.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => {
    const name = names.get(requestId) ?? "";
    if (/\/api\/|\/am\//.test(name)) answers += encodedDataLength;
    else files += encodedDataLength;
  });
  await page.goto(url);
  await settled(page, "Overview");
  await page.waitForLoadState("networkidle");
  const times = await page.evaluate(() => {
    const paint = performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? 0;
    return { paint, loaded: performance.getEntriesByType("navigation")[0]?.domContentLoadedEventEnd ?? 0 };
  });
  const bytes = files + answers;
  console.log(`first view: ${Math.round(bytes / 1000)} KB, ${Math.round(files / 1000)} of files, ${Math.round(answers / 1000)} of answers; first paint ${Math.round(times.paint)} ms`);
  check(`the first view (${bytes} bytes, ${files} of them files) takes at most ${BYTES_MAX}`, files > 50_000 && answers > 1_000 && bytes <= BYTES_MAX);
  check(`no errors: ${problems.join("; ")}`, problems.length === 0);
}
