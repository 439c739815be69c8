/** One target: its error in full, its labels before and after the rules, its scrapes over time. */

import { Drawer } from "@mantine/core";
import type { Target } from "@/api/prometheus";
import { LabelSet, visible } from "@/components/LabelSet";
import { Panel } from "@/components/Panel";
import { State } from "@/components/State";
import { When } from "@/components/When";
import { selector } from "@/lib/labels";
import { formatValue } from "@/lib/units";
import { TimeChart } from "@/components/ai/TimeChart";
import { RelabelSteps } from "./RelabelSteps";
import { TargetLinks, toneOfHealth } from "./Targets";
import classes from "./System.module.css";

export function TargetDetail({ target, close }: { target: Target; close: () => void }) {
  return (
    <Drawer.Root opened onClose={close} position="right" size="min(920px, 100%)" classNames={{ content: classes.drawer ?? "" }}>
      <Drawer.Overlay />
      <Drawer.Content>
        <Drawer.Body>
          <div className={classes.drawerHead}>
            <Drawer.Title className={classes.drawerTitle ?? ""}><span className="foreign">{visible(target.scrapeUrl.slice(0, 300))}</span></Drawer.Title>
            <Drawer.CloseButton aria-label="Close" size="lg" />
          </div>
          <div className="stack">
            <div className="stack tight">
              <div className="row wrap"><State state={target.health} tone={toneOfHealth(target.health)} /><span className="muted">scraped <When ms={Date.parse(target.lastScrape)} />, took {formatValue(target.lastScrapeDuration, "s")}, every {target.scrapeInterval}, at most {target.scrapeTimeout}</span></div>
              {target.lastError !== "" && <code className={`${classes.error ?? ""} foreign`}>{visible(target.lastError.slice(0, 20_000))}</code>}
              <div className={classes.links}><TargetLinks target={target} /></div>
            </div>
            <Panel title="Its labels"><LabelSet labels={target.labels} most={30} /></Panel>
            <div className="grid">
              <TimeChart title="Up" query={selector("up", target.labels)} unit="count" max={1} height={120} shape={upLine} />
              <TimeChart title="Duration of scrapes" query={selector("scrape_duration_seconds", target.labels)} unit="s" height={120} shape={named("duration")} />
              <TimeChart title="Samples of scrapes" query={selector("scrape_samples_scraped", target.labels)} unit="count" height={120} shape={named("samples")} />
              <TimeChart title="New series of scrapes" query={selector("scrape_series_added", target.labels)} unit="count" height={120} shape={named("new series")} />
            </div>
            <Panel title="How it was found, and what the rules made of it"><RelabelSteps pool={target.scrapePool} discovered={target.discoveredLabels} final={target.labels} /></Panel>
          </div>
        </Drawer.Body>
      </Drawer.Content>
    </Drawer.Root>
  );
}

const named = (name: string) => (series: readonly { values: (number | null)[] }[]) => series.slice(0, 1).map(({ values }) => ({ name, values }));
const upLine = (series: readonly { values: (number | null)[] }[]) => series.slice(0, 1).map(({ values }) => ({ name: "up", values, kind: "steps" as const, fill: 0.2 }));
