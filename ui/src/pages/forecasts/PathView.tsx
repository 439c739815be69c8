/** The path of a request: which stage explains that it takes longer than it did. */

import { IconAlertTriangle, IconArrowRight } from "@tabler/icons-react";
import { Chart } from "@/components/Chart";
import { Figure, Figures } from "@/components/Figure";
import { Meter } from "@/components/Meter";
import { Empty, Loaded, Panel } from "@/components/Panel";
import { State } from "@/components/State";
import { When } from "@/components/When";
import { useRangeQuery } from "@/api/hooks";
import { spokenDuration } from "@/lib/duration";
import { selector } from "@/lib/labels";
import { formatValue } from "@/lib/units";
import { useRange } from "@/state/range";
import { cut } from "@/lib/text";
import { type Bottleneck, DEVIATIONS_LEAST, type Job, standing, STANDING_WORDS } from "./words";
import fore from "./Forecasts.module.css";
import classes from "./PathView.module.css";

export function PathView({ job }: { job: Job }) {
  const range = useRange();
  const found = job.bottleneck ?? null;
  const how = standing({ key: job.name, job, series: null });
  const [word, tone] = STANDING_WORDS[how];
  const isNoise = (found?.deviations ?? 0) < DEVIATIONS_LEAST;
  const history = useRangeQuery(selector("bellwether_bottleneck_share", { path: job.name }), { points: 180 });
  return (
    <>
      <div className={fore.title}>
        <h2 className="foreign">{cut(job.name)}</h2>
        <State state={how} tone={tone}>{word}</State>
        <span className="muted">path of a request, looked at <When ms={(job.lastTurn ?? 0) * 1000} /></span>
      </div>
      {job.problem && <p className={fore.problem} role="status"><IconAlertTriangle size={17} aria-hidden /><span className="foreign">{cut(job.problem, 800)}</span></p>}
      {found === null ? <Panel><Empty title="Too little is known yet">It needs the times before and the times after; look again in some minutes.</Empty></Panel> : (
        <>
          <PathNumbers found={found} />
          <Panel title="Which stage grew" hint="its part of what a request takes longer">
            {isNoise && <p className={classes.why}>Requests did not become slower beyond what is usual: these shares say little now.</p>}
            <ul className={classes.list}>
              {found.stages.map((stage) => (
                <li key={stage.stage} className={`${classes.stage ?? ""} ${stage.share < 0.005 ? classes.none ?? "" : ""}`}>
                  <span className={`${classes.name ?? ""} foreign`}>{cut(stage.stage, 80)}</span>
                  <span className={classes.bar}><Meter share={stage.share} tone={isNoise ? "unknown" : stage.share > 0.3 ? "warn" : "info"} label={`${stage.stage}: part of the growth`} height={10} /></span>
                  <span className={classes.share}>{Math.round(stage.share * 100)} %</span>
                  <span className={classes.why}>{formatValue(stage.secondsBefore, "s")} → {formatValue(stage.secondsAfter, "s")} a request{stage.share >= 0.005 ? `; ${cut(stage.reason)}, ${sureness(stage.confidence)}` : ""}</span>
                </li>
              ))}
              <li className={classes.stage}>
                <span className={classes.name}>not explained</span>
                <span className={classes.bar}><Meter share={found.unexplained} tone="unknown" label="Part of the growth that no stage explains" height={10} /></span>
                <span className={classes.share}>{Math.round(found.unexplained * 100)} %</span>
                <span className={classes.why}>by none of its stages</span>
              </li>
            </ul>
          </Panel>
        </>
      )}
      <Panel title="Over time" hint="the part of the growth that each stage explains">
        <Loaded answer={history} height={220}>
          {(frame) => {
            const series = frame.series.filter(({ values }) => values.some((value) => (value ?? 0) > 0)).map((one) => ({ ...one, name: one.labels["stage"] ?? one.name }));
            return series.length === 0 ? <Empty title="Nothing grew in this time" /> : <Chart label="Part of the growth by stage" times={frame.times} series={series} stacked unit="ratio" min={0} max={1} height={200} from={range.fromS} to={range.toS} onZoom={range.zoom} sync="page" />;
          }}
        </Loaded>
      </Panel>
    </>
  );
}

/** How sure the ranking is: 0.5 is a coin. */
function sureness(confidence: number): string {
  if (confidence > 0.99) return "over 99 % sure that it is more than the next";
  if (confidence < 0.6) return "about as likely as the next";
  return `${Math.round(confidence * 100)} % sure that it is more than the next`;
}

function PathNumbers({ found }: { found: Bottleneck }) {
  const { secondsBefore, secondsAfter, deviations } = found;
  const first = found.stages[0];
  const isNoise = (deviations ?? 0) < DEVIATIONS_LEAST;
  const longer = secondsBefore !== null && secondsAfter !== null ? secondsAfter - secondsBefore : null;
  return (
    <Figures label="How the path is">
      <Figure name="A request takes" value={<span className={classes.arrow}>{formatValue(secondsBefore, "s")}<IconArrowRight size={17} aria-label="to" />{formatValue(secondsAfter, "s")}</span>} tone={isNoise ? undefined : "warn"}>
        {longer === null ? "Too little came." : longer > 0 ? `${spokenDuration(longer)} longer than before.` : `${spokenDuration(-longer)} less than before.`}
      </Figure>
      <Figure name="How sure that is" value={deviations === null ? "–" : deviations <= 0 ? "No growth" : `${deviations.toFixed(1)} ×`} tone={isNoise ? undefined : "warn"}>
        {deviations !== null && deviations > 0 ? `Its usual deviation. ${isNoise ? `Below ${DEVIATIONS_LEAST} it may be noise.` : "That is no noise."}` : "Requests are as quick as before, or quicker."}
      </Figure>
      {first && <Figure name="Bottleneck" value={isNoise || first.share < 0.05 ? "None" : cut(first.stage, 60)} tone={isNoise || first.share < 0.05 ? "good" : "warn"}>{isNoise || first.share < 0.05 ? "No stage stands out." : `${Math.round(first.share * 100)} % of the growth: ${cut(first.reason)}.`}</Figure>}
    </Figures>
  );
}
