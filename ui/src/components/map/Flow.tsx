/** Traffic: a small dot along each line on which there is some. Only transforms move, which costs no frames of the page. */

import { useEffect, useMemo, useRef } from "react";
import { along, type MapLayout } from "./layout";
import type { EntityNumbers } from "./numbers";
import classes from "./EntityMap.module.css";

/** More than these would be noise. */
const DOTS_MOST = 24;
const SAMPLES = 14;

export function Flow({ layout, numbers }: { layout: MapLayout; numbers: EntityNumbers }) {
  const layer = useRef<HTMLDivElement>(null);
  const dots = useMemo(() => {
    const tones = new Map(layout.nodes.map(({ node }) => [node.id, node.tone]));
    return layout.edges.flatMap(({ edge, points, isLoose }) => {
      const rate = numbers.get(edge.to)?.find((one) => one.name === "calls" || one.name === "running")?.last ?? 0;
      return isLoose || rate <= 0 ? [] : [{ key: `${edge.from} ${edge.to}`, points, tone: tones.get(edge.to) ?? "unknown", ms: pace(rate) }];
    }).slice(0, DOTS_MOST);
  }, [layout, numbers]);
  // A new number every quarter of a minute is no reason to begin anew.
  const shape = dots.map((dot) => `${dot.key}:${dot.points.join(",")}:${dot.ms}`).join(";");
  const latest = useRef(dots);
  latest.current = dots;
  useEffect(() => {
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return undefined;
    const running = [...(layer.current?.children ?? [])].map((element, index) => {
      const dot = latest.current[index];
      if (!dot) return null;
      const frames = Array.from({ length: SAMPLES + 1 }, (_, at) => {
        const [x, y] = along(dot.points, at / SAMPLES);
        return { transform: `translate(${x.toFixed(1)}px, ${y.toFixed(1)}px)`, opacity: at === 0 || at === SAMPLES ? 0 : 1 };
      });
      return element.animate(frames, { duration: dot.ms, delay: -((index * 0.37) % 1) * dot.ms, iterations: Infinity });
    });
    // What is not seen does not move.
    const observer = new IntersectionObserver(([entry]) => running.forEach((one) => (entry?.isIntersecting ? one?.play() : one?.pause())));
    if (layer.current) observer.observe(layer.current);
    return () => {
      observer.disconnect();
      running.forEach((one) => one?.cancel());
    };
  }, [shape]);
  return <div ref={layer} className={classes.flow} aria-hidden>{dots.map((dot) => <i key={dot.key} data-tone={dot.tone} />)}</div>;
}

/** Milliseconds from end to end, in steps, so that a small change of the rate is none. */
function pace(rate: number): number {
  const steps = Math.max(-2, Math.min(3, Math.round(Math.log10(rate) * 1.5)));
  return 3_600 - steps * 600;
}
