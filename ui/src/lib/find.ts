/** How well a name fits what was typed: 0 is not at all. Letters must stand in order; words and runs count more. */
export function score(typed: string, name: string): number {
  const wanted = typed.trim().toLowerCase();
  if (wanted === "") return 1;
  const text = name.toLowerCase();
  const at = text.indexOf(wanted);
  if (at >= 0) return 100 - Math.min(at, 40) + (at === 0 || /[^a-z0-9]/.test(text[at - 1] ?? "") ? 40 : 0) - Math.min(text.length - wanted.length, 60) / 4;
  // Words in any order.
  const words = wanted.split(/[\s_/:.-]+/).filter(Boolean);
  if (words.length > 1 && words.every((word) => text.includes(word))) return 60 - Math.min(text.length, 80) / 8;
  let points = 0;
  let from = 0;
  for (const letter of wanted.replaceAll(/\s/g, "")) {
    const found = text.indexOf(letter, from);
    if (found < 0) return 0;
    const isStart = found === 0 || /[^a-z0-9]/.test(text[found - 1] ?? "");
    points += isStart ? 4 : found === from ? 2 : -1;
    from = found + 1;
  }
  return points > wanted.length ? Math.min(points, 30) : 0;
}
