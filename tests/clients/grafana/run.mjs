/** Bundles the comparison with Grafana's own code of DIR/node_modules and runs it: node run.mjs DIR IMPORTED [--show KIND|FILE] */

import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import path from "node:path";
import fs from "node:fs";

const [folder, imported, ...rest] = process.argv.slice(2);
const here = import.meta.dirname;
const ui = path.join(here, "../../../ui");
const modules = path.join(folder, "node_modules");
const requireUi = createRequire(path.join(ui, "package.json"));
const { build } = await import(pathToFileURL(requireUi.resolve("vite")).href);
const esm = (name, file) => path.join(modules, "@grafana", name, "dist/esm", file);
const out = path.join(folder, "bundle");

/** Pages and servers of Grafana are not wanted: whatever is taken of these is a thing that does nothing. */
const NOTHING = /^(@grafana\/(ui|runtime|i18n|e2e-selectors|plugin-ui|assistant)(\/.*)?|monaco.*|react-use.*|uplot|@emotion\/.*)$/;
const nothing = { name: "nothing", enforce: "pre", resolveId: (id) => (NOTHING.test(id) ? "\0nothing" : null), load: (id) => (id === "\0nothing" ? "export const config = { featureToggles: {} }; export const t = (_, text) => text; export class DataSourceWithBackend {} export default function nothing() {}" : null) };

await build({
  configFile: false, root: here, logLevel: "error", define: { "process.env.NODE_ENV": '"production"' },
  plugins: [nothing],
  resolve: {
    alias: [
      { find: /^@\//, replacement: `${ui}/src/` },
      { find: "grafana-transforms", replacement: esm("prometheus", "result_transformer.mjs") },
      { find: "grafana-escaping", replacement: esm("prometheus", "escaping.mjs") },
      { find: "grafana-adhoc", replacement: esm("prometheus", "add_label_to_query.mjs") },
      { find: "grafana-metric-find", replacement: esm("prometheus", "metric_find_query.mjs") },
      { find: "grafana-singlestat", replacement: esm("ui", "components/SingleStatShared/SingleStatBaseOptions.mjs") },
      { find: "grafana-formats", replacement: path.join(modules, "@grafana/scenes/dist/esm/variables/interpolation/formatRegistry.js") },
      { find: "grafana-options", replacement: path.join(modules, "@grafana/scenes/dist/esm/variables/variants/query/utils.js") },
      { find: /^@grafana\/data$/, replacement: esm("data", "index.mjs") },
      { find: /^@grafana\/schema$/, replacement: esm("schema", "index.mjs") },
      { find: /^rxjs$/, replacement: path.join(modules, "rxjs/dist/esm/index.js") },
      { find: /^@prometheus-io\/lezer-promql$/, replacement: path.join(ui, "node_modules/@prometheus-io/lezer-promql/dist/index.es.js") },
    ],
  },
  ssr: { noExternal: true, target: "node" },
  build: { ssr: path.join(here, "main.ts"), outDir: out, emptyOutDir: true, minify: false, rollupOptions: { shimMissingExports: true, output: { entryFileNames: "compare.mjs" } } },
});

const { Window } = await import(pathToFileURL(requireUi.resolve("happy-dom")).href);
const window = new Window({ url: "http://127.0.0.1/" });
for (const name of ["document", "location", "localStorage", "sessionStorage", "HTMLElement", "Element", "MutationObserver", "getComputedStyle", "matchMedia", "requestAnimationFrame", "devicePixelRatio", "addEventListener", "removeEventListener", "innerWidth", "innerHeight", "history", "navigator", "DOMParser", "Node", "ResizeObserver", "CustomEvent", "Event", "URLSearchParams"]) if (!(name in globalThis)) globalThis[name] = window[name];
globalThis.window = globalThis;
globalThis.self = globalThis;
process.env.TZ = "UTC";
fs.mkdirSync(out, { recursive: true });
const { main } = await import(pathToFileURL(path.join(out, "compare.mjs")).href);
process.exitCode = await main(folder, imported, rest);
