// The colours of the page before anything is drawn: those that were chosen, else those of the system.
let chosen = null;
try {
  chosen = JSON.parse(localStorage.getItem("bellwether.settings") ?? "{}").scheme ?? null;
} catch {
  // Private windows have no storage: the system's colours are good.
}
const isLight = chosen === "light" || (chosen !== "dark" && matchMedia("(prefers-color-scheme: light)").matches);
document.documentElement.dataset.mantineColorScheme = isLight ? "light" : "dark";
