// Suites of the web UI in headless Chromium: run.mjs URL SUITE [FOLDER-FOR-SCREENSHOTS]
import { launch } from "./browser.mjs";

const [url, name, shots] = process.argv.slice(2);
const suite = await import(`./${name}.mjs`);
const browser = await launch();
try {
  await suite.run({ browser, url, shots });
  console.log(`${name}: ok`);
} finally {
  await browser.close();
}
