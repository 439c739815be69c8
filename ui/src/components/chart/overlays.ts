/** What is drawn over or under the series: thresholds, marked times, single points. */

import type uPlot from "uplot";
import { formatValue, type Unit } from "@/lib/units";
import { withAlpha } from "@/lib/palette";
import type { ChartSpan, ChartThreshold } from "./model";

export interface ChartPoint { time: number; value: number; label: string; onClick?: () => void }

type Color = (variable: string) => string;

export function thresholdsPlugin(thresholds: readonly ChartThreshold[], color: Color, format: (value: number) => string): uPlot.Plugin {
  return {
    hooks: {
      draw: [
        (self) => {
          const { ctx, bbox } = self;
          const ratio = devicePixelRatio;
          ctx.save();
          for (const threshold of thresholds) {
            const y = self.valToPos(threshold.value, "left", true);
            if (y < bbox.top - 1 || y > bbox.top + bbox.height + 1) continue;
            const stroke = threshold.color ?? color(`--${threshold.tone}`);
            ctx.strokeStyle = stroke;
            ctx.setLineDash([5 * ratio, 4 * ratio]);
            ctx.lineWidth = ratio;
            ctx.beginPath();
            ctx.moveTo(bbox.left, y);
            ctx.lineTo(bbox.left + bbox.width, y);
            ctx.stroke();
            const text = threshold.label ?? format(threshold.value);
            ctx.font = `${10 * ratio}px 'Inter Variable', system-ui`;
            ctx.fillStyle = stroke;
            ctx.textAlign = "right";
            ctx.textBaseline = y - bbox.top < 14 * ratio ? "top" : "bottom";
            ctx.fillText(text, bbox.left + bbox.width - 4 * ratio, y + (ctx.textBaseline === "top" ? 2 : -2) * ratio);
          }
          ctx.restore();
        },
      ],
    },
  };
}

/** Values between which the ground is tinted; infinite: to the end of the axis. */
export interface ChartArea { from: number; to: number; color: string }

export function areasPlugin(areas: readonly ChartArea[]): uPlot.Plugin {
  return {
    hooks: {
      drawClear: [
        (self) => {
          const { ctx, bbox } = self;
          ctx.save();
          for (const area of areas) {
            const place = (value: number, end: number) => (Number.isFinite(value) ? self.valToPos(value, "left", true) : end);
            const top = Math.max(bbox.top, place(area.to, bbox.top));
            const bottom = Math.min(bbox.top + bbox.height, place(area.from, bbox.top + bbox.height));
            if (bottom <= top) continue;
            ctx.fillStyle = withAlpha(area.color, 0.09);
            ctx.fillRect(bbox.left, top, bbox.width, bottom - top);
          }
          ctx.restore();
        },
      ],
    },
  };
}

export function spansPlugin(spans: readonly ChartSpan[], color: Color): uPlot.Plugin {
  return {
    hooks: {
      drawClear: [
        (self) => {
          const { ctx, bbox } = self;
          ctx.save();
          for (const span of spans) {
            const left = Math.max(bbox.left, self.valToPos(span.from, "x", true));
            const right = Math.min(bbox.left + bbox.width, self.valToPos(span.to, "x", true));
            if (right < bbox.left || left > bbox.left + bbox.width) continue;
            const stroke = color(`--${span.tone}`);
            ctx.fillStyle = withAlpha(stroke, 0.1);
            ctx.fillRect(left, bbox.top, Math.max(right - left, devicePixelRatio), bbox.height);
            ctx.fillStyle = stroke;
            ctx.fillRect(left, bbox.top, Math.max(right - left, 2 * devicePixelRatio), 2 * devicePixelRatio);
          }
          ctx.restore();
        },
      ],
    },
  };
}

const POINT_SIZE = 5;
const REACH_PX = 9;

export function pointsPlugin(points: () => readonly ChartPoint[], color: Color, unit: Unit): uPlot.Plugin {
  const tip = document.createElement("div");
  const near = (self: uPlot, x: number, y: number) =>
    points().find((point) => Math.abs(self.valToPos(point.time, "x") - x) < REACH_PX && Math.abs(self.valToPos(point.value, "left") - y) < REACH_PX);
  return {
    hooks: {
      draw: [
        (self) => {
          const { ctx, bbox } = self;
          const ratio = devicePixelRatio;
          ctx.save();
          ctx.fillStyle = color("--panel");
          ctx.strokeStyle = color("--text");
          ctx.lineWidth = 1.4 * ratio;
          for (const point of points()) {
            const x = self.valToPos(point.time, "x", true);
            const y = self.valToPos(point.value, "left", true);
            if (x < bbox.left || x > bbox.left + bbox.width || y < bbox.top || y > bbox.top + bbox.height) continue;
            const half = (POINT_SIZE / 2) * 1.4 * ratio;
            ctx.beginPath();
            ctx.moveTo(x, y - half);
            ctx.lineTo(x + half, y);
            ctx.lineTo(x, y + half);
            ctx.lineTo(x - half, y);
            ctx.closePath();
            ctx.fill();
            ctx.stroke();
          }
          ctx.restore();
        },
      ],
      ready: [
        (self) => {
          tip.className = "chart-point-tip";
          tip.hidden = true;
          self.over.append(tip);
          self.over.addEventListener("mousemove", (event) => {
            const point = near(self, event.offsetX, event.offsetY);
            self.over.style.cursor = point?.onClick ? "pointer" : "";
            tip.hidden = point === undefined;
            if (!point) return;
            tip.textContent = `${formatValue(point.value, unit)}  ${point.label}`;
            tip.style.translate = `${Math.min(event.offsetX + 12, self.over.clientWidth - 220)}px ${event.offsetY - 34}px`;
          });
          self.over.addEventListener("click", (event) => near(self, event.offsetX, event.offsetY)?.onClick?.());
        },
      ],
    },
  };
}
