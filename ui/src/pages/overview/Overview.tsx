import { Page } from "@/components/Page";
import { Loaded, Panel } from "@/components/Panel";
import { Chart } from "@/components/Chart";
import { useRangeQuery } from "@/api/hooks";
import { useRange } from "@/state/range";

export function Overview() {
  const range = useRange();
  const answer = useRangeQuery("sum by (gen_ai_provider_name) (rate(gen_ai_client_operation_duration_seconds_count[5m]))");
  return (
    <Page title="Overview">
      <div className="grid">
        <Panel title="Calls by provider"><Loaded answer={answer} height={260}>{(frame) => <Chart label="Calls" times={frame.times} series={frame.series} unit="per-second" from={range.fromS} to={range.toS} onZoom={range.zoom} legend="values" sync="page" />}</Loaded></Panel>
        <Panel title="Stacked"><Loaded answer={answer} height={260}>{(frame) => <Chart label="Calls, stacked" times={frame.times} series={frame.series} stacked unit="per-second" from={range.fromS} to={range.toS} onZoom={range.zoom} sync="page" thresholds={[{ value: 1.5, tone: "bad", label: "limit" }]} spans={[{ from: range.toS - 1200, to: range.toS - 600, tone: "warn", label: "x" }]} />}</Loaded></Panel>
      </div>
    </Page>
  );
}
