/** Texts of others, as far as there is room for them. */

import { visible } from "@/components/LabelSet";

/** At most so many characters, with what is not to be seen made visible. */
export const cut = (text: string, most = 100): string => visible(text.length > most ? `${text.slice(0, most)}…` : text);
