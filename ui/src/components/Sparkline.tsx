/** A line without axes, as wide as it may be. */

import { useId } from "react";
import type { Tone } from "./State";

interface SparklineProps { values: readonly (number | null)[]; height?: number; tone?: Tone; label?: string; fromZero?: boolean; /** In place of the tone. */ color?: string }

export function Sparkline({ values, height = 32, tone = "accent", label, fromZero = true, color: own }: SparklineProps) {
  const id = useId();
  const finite = values.filter((value): value is number => value !== null && Number.isFinite(value));
  const width = 100;
  if (finite.length < 2) return <svg width="100%" height={height} aria-hidden />;
  const low = fromZero ? Math.min(0, ...finite) : Math.min(...finite);
  const high = Math.max(...finite);
  const span = high - low || 1;
  const x = (index: number) => (index / (values.length - 1)) * width;
  const y = (value: number) => height - 2 - ((value - low) / span) * (height - 4);
  let line = "";
  let isOpen = false;
  const first = x(values.findIndex((value) => value !== null && Number.isFinite(value)));
  let last = 0;
  values.forEach((value, index) => {
    if (value === null || !Number.isFinite(value)) {
      isOpen = false;
      return;
    }
    line += `${isOpen ? "L" : "M"}${x(index).toFixed(2)} ${y(value).toFixed(2)}`;
    isOpen = true;
    last = x(index);
  });
  const color = own ?? `var(--${tone})`;
  return (
    <svg width="100%" height={height} viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" role={label ? "img" : undefined} aria-label={label} aria-hidden={label ? undefined : true}>
      <linearGradient id={id} x1="0" x2="0" y1="0" y2="1"><stop offset="0" stopColor={color} stopOpacity="0.28" /><stop offset="1" stopColor={color} stopOpacity="0.02" /></linearGradient>
      {!line.slice(1).includes("M") && <path d={`${line}L${last.toFixed(2)} ${height}L${first.toFixed(2)} ${height}Z`} fill={`url(#${id})`} />}
      <path d={line} fill="none" stroke={color} strokeWidth="1.5" vectorEffect="non-scaling-stroke" strokeLinejoin="round" />
    </svg>
  );
}
