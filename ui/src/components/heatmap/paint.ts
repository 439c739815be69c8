/** Cells as pixels: written into an image directly, as tens of thousands of rectangles would hold the page up. */

import type { HeatGrid } from "./grid";

export interface Place { width: number; height: number; /** Pixel of a time and of a value, from the left and from the top. */ x: (time: number) => number; y: (value: number) => number }

/** How much of the colours a count takes: few are seen beside many. */
export const shareOf = (amount: number, most: number): number => (most <= 0 ? 0 : Math.sqrt(amount / most));

/** `#rrggbb` as a pixel, least byte first. */
function pixel(color: string): number {
  const part = (at: number) => Number.parseInt(color.slice(at, at + 2), 16);
  return ((255 << 24) | (part(5) << 16) | (part(3) << 8) | part(1)) >>> 0;
}

export function paint(grid: HeatGrid, place: Place, colors: readonly string[], ends: (cell: number) => [number, number]): ImageData {
  const image = new ImageData(place.width, place.height);
  const pixels = new Uint32Array(image.data.buffer);
  const inks = Uint32Array.from(colors, pixel);
  const last = inks.length - 1;
  for (let column = 0; column < grid.times.length; column += 1) {
    const time = grid.times[column] ?? 0;
    const left = Math.max(0, Math.round(place.x(time - grid.step)));
    const right = Math.min(place.width, Math.max(left + 1, Math.round(place.x(time))));
    // A hair between the columns, where there is room.
    const end = right - left > 10 ? right - 1 : right;
    for (let cell = grid.offsets[column] ?? 0; cell < (grid.offsets[column + 1] ?? 0); cell += 1) {
      const amount = grid.amounts[cell] ?? 0;
      if (amount <= 0) continue;
      const [low, high] = ends(cell);
      const top = Math.max(0, Math.round(place.y(high)));
      const bottom = Math.min(place.height, Math.max(top + 1, Math.round(place.y(low))));
      const ink = inks[Math.max(3, Math.round(shareOf(amount, grid.most) * last))] ?? 0;
      const stop = bottom - top > 10 ? bottom - 1 : bottom;
      for (let y = top; y < stop; y += 1) pixels.fill(ink, y * place.width + left, y * place.width + end);
    }
  }
  return image;
}
