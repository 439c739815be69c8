/** A part of Mantine that is used without its styles is an error of the build, not a page that looks broken. */

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Plugin } from "vite";

export function mantineStyles(): Plugin {
  const styles = (folder: string) => readFileSync(fileURLToPath(new URL(`../node_modules/@mantine/core/${folder}`, import.meta.url)), "utf8");
  const classes = (text: string) => new Set(text.match(/\bm_[0-9a-f]{6,8}\b/g));
  return {
    name: "mantine-styles",
    apply: "build",
    generateBundle(_, bundle) {
      const files = Object.values(bundle);
      const taken = classes(files.map((file) => (file.type === "asset" && file.fileName.endsWith(".css") ? String(file.source) : "")).join("\n"));
      const used = classes(files.map((file) => (file.type === "chunk" ? file.code : "")).join("\n"));
      const styled = classes(styles("styles.css"));
      const missing = [...used].filter((name) => styled.has(name) && !taken.has(name));
      if (missing.length > 0) this.error(`src/styles/mantine.css lacks the styles of a part of Mantine that is used: of its classes ${missing.join(", ")} (look for them in node_modules/@mantine/core/styles)`);
    },
  };
}
