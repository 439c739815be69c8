/** Colours of series: told apart in both schemes and by most eyes; the same name has the same colour where it can. */

const DARK = ["#6cb0ff", "#f5b83d", "#5cc8a0", "#f27ea9", "#b398ff", "#f58b52", "#4fd0d8", "#c3d155", "#e4a3e8", "#9fb3c8"];
const LIGHT = ["#1660c2", "#b27708", "#14805a", "#c02f6c", "#6a4bcb", "#c2541a", "#0b7f8a", "#66780a", "#9a3fa3", "#56687c"];

export type Scheme = "dark" | "light";

export function seriesColor(index: number, scheme: Scheme): string {
  const colors = scheme === "dark" ? DARK : LIGHT;
  const base = colors[index % colors.length] ?? "#888";
  const turn = Math.floor(index / colors.length) % 4;
  // Later turns are the same hues, lighter or darker.
  if (turn === 0) return base;
  const other = scheme === "dark" ? ["#ffffff", "#000000", "#ffffff"][turn - 1] : ["#000000", "#ffffff", "#000000"][turn - 1];
  return mix(base, other ?? base, turn === 3 ? 0.5 : 0.28);
}

/** `share` of b in a; both are #rrggbb. */
export function mix(a: string, b: string, share: number): string {
  const part = (text: string, at: number) => Number.parseInt(text.slice(at, at + 2), 16);
  const one = (at: number) => Math.round(part(a, at) * (1 - share) + part(b, at) * share).toString(16).padStart(2, "0");
  return `#${one(1)}${one(3)}${one(5)}`;
}

export function withAlpha(color: string, alpha: number): string {
  return color + Math.round(alpha * 255).toString(16).padStart(2, "0");
}

/** From nothing to much: for heat maps. 0 ≤ share ≤ 1. Perceptually even, after viridis' idea: dark to light, or back. */
const HEAT_DARK = ["#12202f", "#133a5c", "#14608a", "#1f8ca0", "#58b792", "#b6d36a", "#ffe98a"];
const HEAT_LIGHT = ["#eef3f6", "#c7e0ea", "#8cc7d6", "#4aa6ba", "#1f7f9b", "#185576", "#142f52"];

export function heatColors(scheme: Scheme, count = 64): string[] {
  const stops = scheme === "dark" ? HEAT_DARK : HEAT_LIGHT;
  return Array.from({ length: count }, (_, index) => {
    const at = (index / (count - 1)) * (stops.length - 1);
    const low = Math.min(Math.floor(at), stops.length - 2);
    return mix(stops[low] ?? "#000000", stops[low + 1] ?? "#000000", at - low);
  });
}
