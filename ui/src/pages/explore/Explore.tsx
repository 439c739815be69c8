/** Explore: questions that were not asked before, on one axis of time. */

import { useState } from "react";
import { Button } from "@mantine/core";
import { useClipboard } from "@mantine/hooks";
import { IconCheck, IconLink } from "@tabler/icons-react";
import { Page } from "@/components/Page";
import { useRange } from "@/state/range";
import { PANES } from "./panes";

export function Explore() {
  const range = useRange();
  const clipboard = useClipboard({ timeout: 1_600 });
  const [said, say] = useState("");
  const share = () => {
    // Whoever opens it sees the same times, not those of another hour.
    const url = new URL(location.href);
    url.searchParams.set("from", String(Math.round(range.fromMs)));
    url.searchParams.set("to", String(Math.round(range.toMs)));
    clipboard.copy(url.toString());
    say("The link is copied. It keeps the times that are shown now.");
  };
  return (
    <Page
      title="Explore"
      lead="Ask in PromQL, look from several sides, and find what is different."
      controls={<Button leftSection={clipboard.copied ? <IconCheck size={14} /> : <IconLink size={14} />} onClick={share}>{clipboard.copied ? "Link copied" : "Share"}</Button>}
    >
      <p className="sr" role="status">{said}</p>
      {PANES.map(({ kind, Body }) => <Body key={kind} say={say} />)}
    </Page>
  );
}
