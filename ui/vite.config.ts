import react from "@vitejs/plugin-react";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { fonts } from "./plugins/fonts.ts";
import { mantineStyles } from "./plugins/mantineStyles.ts";

// Where `npm run dev` finds a server: that of `cargo run --release -- demo`, unless told otherwise.
const server = process.env["BELLWETHER_URL"] ?? "http://127.0.0.1:9090";
const spoken = ["/api", "/am/api", "/evidence", "/metrics", "/-/", "/config/v1", "/probe", "/version"];

export default defineConfig({
  plugins: [react(), fonts(), mantineStyles()],
  resolve: { alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) } },
  build: {
    target: "es2023",
    // Nothing is inlined as data: the content policy stays short.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 800,
  },
  server: { proxy: Object.fromEntries(spoken.map((path) => [path, { target: server, changeOrigin: false }])) },
  test: { environment: "happy-dom", include: ["src/**/*.test.{ts,tsx}"] },
});
