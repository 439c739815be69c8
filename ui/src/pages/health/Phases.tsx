/** What a check spent its time on, phase by phase. */

import { memo } from "react";
import { formatValue } from "@/lib/units";
import { seriesColor } from "@/lib/palette";
import { useSettings } from "@/state/settings";
import { visible } from "@/components/LabelSet";
import classes from "./Phases.module.css";

export interface PhaseTime { name: string; seconds: number; finished?: boolean }

/** In the order in which they come; all others stand between. */
const FIRST = ["resolve", "dns", "connect", "tls"];
const LAST = ["processing", "transfer"];
const OTHERS = [3, 5, 7, 8];
const COLOR: Readonly<Record<string, number>> = { resolve: 0, dns: 0, connect: 1, tls: 4, processing: 2, transfer: 6 };

export const phaseOrder = (name: string) => (FIRST.includes(name) ? FIRST.indexOf(name) - 10 : LAST.includes(name) ? LAST.indexOf(name) + 10 : 0);
export const inOrder = <T extends { name: string }>(phases: readonly T[]): T[] => [...phases].sort((a, b) => phaseOrder(a.name) - phaseOrder(b.name));
/** The same phase has the same colour everywhere. */
export const phaseColor = (name: string) => COLOR[name] ?? OTHERS[Array.from(name).reduce((sum, letter) => sum + letter.charCodeAt(0), 0) % OTHERS.length] ?? 3;

interface PhasesProps { phases: readonly PhaseTime[]; label: string; legend?: boolean; height?: number }

export const Phases = memo(function Phases({ phases, label, legend = false, height = 10 }: PhasesProps) {
  const { shown: scheme } = useSettings();
  const ordered = inOrder(phases);
  const total = ordered.reduce((sum, phase) => sum + phase.seconds, 0);
  const words = (phase: PhaseTime) => `${phase.name} ${formatValue(phase.seconds, "s")}${phase.finished === false ? ", not finished" : ""}`;
  return (
    <div className={classes.phases}>
      <div className={classes.bar} style={{ height }} role="img" aria-label={`${label}: ${ordered.map(words).join(", ") || "no phases"}`}>
        {ordered.map((phase) => phase.seconds > 0 && <i key={phase.name} title={words(phase)} data-unfinished={phase.finished === false || undefined} style={{ flexGrow: phase.seconds / (total || 1), background: seriesColor(phaseColor(phase.name), scheme) }} />)}
      </div>
      {legend && (
        <ul className={classes.legend}>
          {ordered.map((phase) => (
            <li key={phase.name}><i style={{ background: seriesColor(phaseColor(phase.name), scheme) }} /><span className="foreign">{visible(phase.name)}</span><b>{formatValue(phase.seconds, "s")}</b>{phase.finished === false && <span className="bad">not finished</span>}</li>
          ))}
        </ul>
      )}
    </div>
  );
});

/** Which colour is which phase, for many bars. */
export function PhaseLegend({ names }: { names: readonly string[] }) {
  const { shown: scheme } = useSettings();
  if (names.length === 0) return null;
  return <ul className={classes.legend} aria-label="Phases">{inOrder(names.map((name) => ({ name }))).map(({ name }) => <li key={name}><i style={{ background: seriesColor(phaseColor(name), scheme) }} /><span className="foreign">{visible(name)}</span></li>)}</ul>;
}
