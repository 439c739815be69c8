/** Who sits here: remembered by this browser, so that nobody types it twice. */

const KEY = "bellwether.author";

/** What stands in the record where nobody has said a name. */
export const NOBODY = "somebody";

export function rememberedAuthor(): string {
  try {
    return localStorage.getItem(KEY) ?? "";
  } catch {
    return "";
  }
}

export function rememberAuthor(name: string) {
  try {
    if (name.trim() !== "") localStorage.setItem(KEY, name.trim());
  } catch {
    // Without storage it is typed again.
  }
}
