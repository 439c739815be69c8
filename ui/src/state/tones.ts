/** The colours of tones as values, for what is drawn on a canvas; they follow the scheme. */

import { useSyncExternalStore } from "react";
import type { Tone } from "@/components/State";

const NAMES = ["good", "warn", "bad", "unknown", "info", "accent", "text", "muted", "faint", "brass"] as const;
export type ToneColors = Readonly<Record<Tone | (typeof NAMES)[number], string>>;

let kept: { scheme: string; colors: ToneColors } | null = null;

function read(): ToneColors {
  const scheme = document.documentElement.getAttribute("data-mantine-color-scheme") ?? "";
  if (kept?.scheme === scheme) return kept.colors;
  const css = getComputedStyle(document.documentElement);
  const colors = Object.fromEntries(NAMES.map((name) => [name, css.getPropertyValue(`--${name}`).trim()])) as ToneColors;
  kept = { scheme, colors };
  return colors;
}

function subscribe(changed: () => void): () => void {
  const observer = new MutationObserver(changed);
  observer.observe(document.documentElement, { attributes: true, attributeFilter: ["data-mantine-color-scheme"] });
  return () => observer.disconnect();
}

/** `#rrggbb` of each tone in the scheme that is shown. */
export const useTones = (): ToneColors => useSyncExternalStore(subscribe, read);
