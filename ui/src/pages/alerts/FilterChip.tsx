/** A filter that is on or off, with how many it would leave. */

import { UnstyledButton } from "@mantine/core";
import { Mark, type Tone } from "@/components/State";
import classes from "./list.module.css";

export function FilterChip({ name, isOn, count, tone, toggle }: { name: string; isOn: boolean; count?: number | undefined; tone?: Tone; toggle: () => void }) {
  return (
    <UnstyledButton className={classes.chip} aria-pressed={isOn} onClick={toggle}>
      {tone && <Mark tone={tone} size={9} />}<span className="foreign">{name}</span>{count !== undefined && <b>{count}</b>}
    </UnstyledButton>
  );
}
