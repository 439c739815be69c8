/** A moment: how long ago, or on the clock, as was chosen; the other one on pointing at it. */

import { Tooltip } from "@mantine/core";
import { spokenDuration } from "@/lib/duration";
import { useNow } from "@/state/range";
import { useSettings, useTimeFormat } from "@/state/settings";

interface WhenProps {
  /** Milliseconds since 1970. */
  ms: number | null | undefined;
  /** `5 min ago` or `for 5 min`. */
  form?: "ago" | "for" | "in";
  /** In place of a time that is not there. */
  never?: string;
}

export function When({ ms, form = "ago", never = "never" }: WhenProps) {
  const nowMs = useNow();
  const { times } = useSettings();
  const format = useTimeFormat();
  if (ms === null || ms === undefined || !Number.isFinite(ms) || ms <= 0) return <span className="faint">{never}</span>;
  const span = spokenDuration(Math.max(0, (form === "in" ? ms - nowMs : nowMs - ms) / 1000));
  const relative = form === "ago" ? (nowMs - ms < 1500 ? "just now" : `${span} ago`) : form === "for" ? `for ${span}` : `in ${span}`;
  const [shown, other] = times === "relative" ? [relative, format.full(ms)] : [format.time(ms), `${relative}; ${format.full(ms)}`];
  return (
    <Tooltip label={`${other} (${format.zone})`}>
      <time dateTime={new Date(ms).toISOString()} tabIndex={-1} style={{ whiteSpace: "nowrap" }}>{shown}</time>
    </Tooltip>
  );
}
