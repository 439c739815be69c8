/** The fonts, of which only what the pages use is sent: the weights of their styles, kerning and figures of one width; no ligatures, no other shapes. */

import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import subsetFont from "subset-font";
import type { Plugin } from "vite";

const MODULES = new URL("../node_modules/", import.meta.url);
const INTER = "@fontsource-variable/inter/files/inter-latin-wght-normal.woff2";
const JETBRAINS_MONO = "@fontsource-variable/jetbrains-mono/files/jetbrains-mono-latin-wght-normal.woff2";

/** Latin with its punctuation, arrows and signs: the `unicode-range` of the style. */
const LATIN = [[0x20, 0xff], [0x131, 0x131], [0x152, 0x153], [0x2bb, 0x2bc], [0x2c6, 0x2c6], [0x2da, 0x2da], [0x2dc, 0x2dc], [0x2000, 0x206f], [0x20ac, 0x20ac], [0x2122, 0x2122], [0x2190, 0x2193], [0x2212, 0x2212], [0x2215, 0x2215], [0xfeff, 0xfeff], [0xfffd, 0xfffd]] as const;
const FEATURES = ["ccmp", "kern", "mark", "mkmk"];
/** Figures are a font of their own: where columns want them of one width, Inter would widen the hyphens of names too. */
const FONTS = {
  inter: { file: INTER, ranges: LATIN, features: FEATURES },
  "inter-figures": { file: INTER, ranges: [[0x30, 0x39]], features: ["tnum"] },
  "jetbrains-mono": { file: JETBRAINS_MONO, ranges: LATIN, features: FEATURES },
} as const;
const WEIGHTS = { min: 400, max: 700 };

/** Where the fonts lie that styles name as `@fonts/NAME.woff2`. */
const FOLDER = new URL(".fonts/", MODULES);

export function fonts(): Plugin {
  return {
    name: "fonts",
    async config() {
      await mkdir(FOLDER, { recursive: true });
      await Promise.all(Object.entries(FONTS).map(async ([name, { file, ranges, features }]) => {
        const text = ranges.flatMap(([first, last]) => Array.from({ length: last - first + 1 }, (_, index) => String.fromCodePoint(first + index))).join("");
        const whole = await readFile(new URL(file, MODULES));
        const part = await subsetFont(whole, text, { targetFormat: "woff2", keepFeatures: features, noHinting: true, variationAxes: { wght: WEIGHTS } });
        // Another build may read it meanwhile.
        const written = new URL(`${name}.${process.pid}`, FOLDER);
        await writeFile(written, part);
        await rename(written, new URL(`${name}.woff2`, FOLDER));
      }));
      return { resolve: { alias: { "@fonts": fileURLToPath(FOLDER) } } };
    },
  };
}
