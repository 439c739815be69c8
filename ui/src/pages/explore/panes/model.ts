/** Panes of Explore: each kind of signal has one, with questions of its own and a body that looks at the same time as the others. */

import type { ComponentType } from "react";

export interface PaneProps {
  /** Opens a dialog of the page, says what has happened. */
  say: (text: string) => void;
}

export interface PaneKind {
  kind: "metrics";
  name: string;
  /** The whole of it: where questions are written, and their answers. Times come from `useRange`, its state from the address. */
  Body: ComponentType<PaneProps>;
}
