/** Names of colours as values of the scheme that is shown; imported ones are taken as they are, and made readable where they are text. */

import { useMemo } from "react";
import { mix, type Scheme, seriesColor } from "@/lib/palette";
import { useSettings } from "@/state/settings";
import { type ToneColors, useTones } from "@/state/tones";

export interface Palette {
  scheme: Scheme;
  tones: ToneColors;
  /** `red`, `dark-blue`, `#1f60c4`, `rgb(…)`. Null: none that is known. */
  named: (name: string | undefined) => string | null;
  series: (index: number) => string;
  /** The same, as text on a panel. */
  readable: (color: string) => string;
  /** Text on this colour. */
  ink: (color: string) => string;
}

const HEX = /^#[0-9a-f]{6}$/i;

function channel(part: number): number {
  const share = part / 255;
  return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
}
const part = (color: string, at: number) => Number.parseInt(color.slice(at, at + 2), 16);
export const luminance = (color: string) => 0.2126 * channel(part(color, 1)) + 0.7152 * channel(part(color, 3)) + 0.0722 * channel(part(color, 5));
export const contrast = (a: string, b: string) => (Math.max(luminance(a), luminance(b)) + 0.05) / (Math.min(luminance(a), luminance(b)) + 0.05);

/** `#rgb`, `#rrggbbaa`, `rgb(…)` and `rgba(…)` as `#rrggbb`. */
export function hexOf(text: string): string | null {
  const color = text.trim().toLowerCase();
  if (HEX.test(color)) return color;
  const short = /^#([0-9a-f])([0-9a-f])([0-9a-f])[0-9a-f]?$/.exec(color);
  if (short) return `#${short.slice(1, 4).map((one) => one + one).join("")}`;
  if (/^#[0-9a-f]{8}$/.test(color)) return color.slice(0, 7);
  const parts = /^rgba?\(\s*(\d+)[\s,]+(\d+)[\s,]+(\d+)/.exec(color);
  return parts ? `#${parts.slice(1, 4).map((one) => Math.min(255, Number(one)).toString(16).padStart(2, "0")).join("")}` : null;
}

const SHADES: Readonly<Record<string, readonly ["#ffffff" | "#000000", number]>> = { "super-light-": ["#ffffff", 0.55], "light-": ["#ffffff", 0.28], "semi-dark-": ["#000000", 0.16], "dark-": ["#000000", 0.3] };

export function usePalette(): Palette {
  const tones = useTones();
  const { shown: scheme } = useSettings();
  return useMemo(() => {
    const hues: Readonly<Record<string, string>> = { red: tones.bad, orange: tones.warn, yellow: tones.brass, green: tones.good, blue: tones.accent, purple: seriesColor(4, scheme), pink: seriesColor(3, scheme), teal: seriesColor(6, scheme), cyan: seriesColor(6, scheme), gray: tones.unknown, grey: tones.unknown, text: tones.text, white: tones.text, black: tones.faint };
    const surface = scheme === "dark" ? "#14181e" : "#ffffff";
    const named = (name: string | undefined): string | null => {
      if (name === undefined || name === "" || name === "transparent") return null;
      const shade = Object.keys(SHADES).find((prefix) => name.startsWith(prefix));
      const hue = hues[shade ? name.slice(shade.length) : name];
      if (hue === undefined) return hexOf(name);
      const [towards, share] = (shade && SHADES[shade]) || (["#000000", 0] as const);
      return share === 0 ? hue : mix(hue, towards, share);
    };
    const readable = (color: string) => {
      for (let share = 0; share < 1; share += 0.12) {
        const tried = mix(color, scheme === "dark" ? "#ffffff" : "#000000", share);
        if (contrast(tried, surface) >= 4.6) return tried;
      }
      return tones.text;
    };
    return { scheme, tones, named, series: (index: number) => seriesColor(index, scheme), readable, ink: (color: string) => (contrast(color, "#0d1014") >= contrast(color, "#ffffff") ? "#0d1014" : "#ffffff") };
  }, [tones, scheme]);
}

/** Colours between names, for scales without steps. */
export const SCALES: Readonly<Record<string, readonly string[]>> = {
  green_yellow_red: ["green", "yellow", "red"], red_yellow_green: ["red", "yellow", "green"], blue_yellow_red: ["blue", "yellow", "red"], yellow_red: ["yellow", "red"], blue_purple: ["blue", "purple"], yellow_blue: ["yellow", "blue"],
  blues: ["super-light-blue", "dark-blue"], reds: ["super-light-red", "dark-red"], greens: ["super-light-green", "dark-green"], purples: ["super-light-purple", "dark-purple"],
};

export function between(palette: Palette, names: readonly string[], share: number): string {
  const at = Math.min(1, Math.max(0, Number.isFinite(share) ? share : 0)) * (names.length - 1);
  const low = Math.min(Math.floor(at), names.length - 2);
  return mix(palette.named(names[low]) ?? palette.tones.unknown, palette.named(names[low + 1]) ?? palette.tones.unknown, at - low);
}
