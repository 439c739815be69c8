/** Histograms as heat maps, native and classic ones. What is asked follows from the query: the same series, counted by bucket. */

import { useMemo } from "react";
import { useQuery } from "@tanstack/react-query";
import type { BigFrame } from "@/api/frames";
import { type HeatArea, Heatmap } from "@/components/Heatmap";
import { classicGrid, type HeatGrid, nativeGrid } from "@/components/heatmap/grid";
import { Empty, Failure, Waiting } from "@/components/Panel";
import { about, allMetadata, allMetricNames } from "@/components/query/names";
import { durationText } from "@/lib/duration";
import { stepFor } from "@/api/prometheus";
import { useRange } from "@/state/range";
import { parse } from "../../promql/ast";
import { heatQuestion, type HeatQuestion } from "../../promql/heat";
import { unitOf } from "@/lib/units";
import { useRangeAnswers } from "./answers";
import { letterOf } from "./letters";
import classes from "./Views.module.css";

interface Asked { index: number; expr: string }

/** Columns no narrower than can be pointed at. */
export const heatStep = (fromS: number, toS: number, width: number, chosen: number | undefined): number => {
  const fit = stepFor(fromS, toS, Math.max(40, Math.min(360, Math.round(width / 4))), 15);
  return chosen !== undefined && (toS - fromS) / chosen <= 1_500 ? chosen : fit;
};

export function useHeatQuestions(asked: readonly Asked[], step: number) {
  return useQuery({
    queryKey: ["explore", "heat", asked, step],
    queryFn: async () => {
      const [all, names] = await Promise.all([allMetadata(), allMetricNames()]);
      const known = new Set(names);
      return Promise.all(asked.map(async (one): Promise<Asked & { question: HeatQuestion | null; error: Error | null }> => {
        try {
          const question = heatQuestion(await parse(one.expr), step, (name) => known.has(name), (name) => about(all, name)?.type === "histogram");
          return { ...one, question, error: null };
        } catch (error) {
          return { ...one, question: null, error: error instanceof Error ? error : new Error(String(error)) };
        }
      }));
    },
    placeholderData: (old) => old,
    staleTime: 60_000,
  });
}

interface HeatViewProps { asked: readonly Asked[]; step: number; selection: HeatArea | null; onSelect: ((index: number, area: HeatArea) => void) | undefined; examples: readonly string[]; onExample: (expr: string) => void }

export function HeatView({ asked, step, selection, onSelect, examples, onExample }: HeatViewProps) {
  const questions = useHeatQuestions(asked, step);
  const list = questions.data ?? [];
  const answers = useRangeAnswers(list.map((one) => (one.error ? "" : (one.question?.query ?? one.expr))), step, list.length > 0);
  if (questions.error) return <Failure error={questions.error} retry={() => void questions.refetch()} />;
  if (!questions.data) return <Waiting height={360} />;
  return (
    <div className={classes.graphs}>
      {list.map((one, at) => {
        const answer = answers[at];
        return (
          <div key={one.index} className={answer?.isOld ? classes.old : undefined}>
            {list.length > 1 && <h3 className={classes.chartTitle}>Query {letterOf(one.index)}</h3>}
            {one.error ?? answer?.error ? <Failure error={one.error ?? answer?.error} retry={answer?.retry} />
              : !answer?.data ? <Waiting height={360} />
              : <One frame={answer.data} question={one.question} expr={one.expr} label={`Query ${letterOf(one.index)} as a heat map`} selection={selection} onSelect={onSelect ? (area) => onSelect(one.index, area) : undefined} examples={examples} onExample={onExample} />}
          </div>
        );
      })}
    </div>
  );
}

interface OneProps { frame: BigFrame; question: HeatQuestion | null; expr: string; label: string; selection: HeatArea | null; onSelect: ((area: HeatArea) => void) | undefined; examples: readonly string[]; onExample: (expr: string) => void }

/** The cells of an answer; null where it holds no histogram. */
export function gridOf(frame: BigFrame): HeatGrid | null {
  if (frame.histograms.length > 0) return nativeGrid(frame.histograms, frame.times, frame.step);
  return frame.series.some((one) => one.labels["le"] !== undefined) ? classicGrid(frame.series, frame.times, frame.step) : null;
}

export function One({ frame, question, expr, label, selection, onSelect, examples, onExample }: OneProps) {
  const range = useRange();
  const grid = useMemo(() => gridOf(frame), [frame]);
  const unit = unitOf((question?.metric ?? expr).replace(/_bucket\b/g, ""));
  if (!grid) {
    return (
      <Empty title={frame.series.length === 0 ? "No values in this span" : "This is not a histogram"} action={<div className={classes.examples}>{examples.slice(0, 4).map((name) => <button key={name} type="button" className={classes.example} onClick={() => onExample(name)}>{name}</button>)}</div>}>
        A heat map shows how values are spread over the buckets of a histogram. {examples.length > 0 && "There are these:"}
      </Empty>
    );
  }
  return (
    <>
      <Heatmap label={label} grid={grid} unit={unit} countsOf={question ? `in ${durationText(question.windowS * 1000)}` : ""} windowS={question?.windowS} from={range.fromS} to={range.toS} onZoom={range.zoom} onSelect={onSelect} selection={selection} sync="page" height={360} />
      {question && question.query !== expr && <p className={classes.more}>Asked as <code className="foreign">{question.query}</code></p>}
    </>
  );
}
