/** One panel of a dashboard: its head, its menu, and what its queries answer. It asks when it comes into view. */

import { memo, type ReactNode, useEffect, useMemo, useRef, useState } from "react";
import { ActionIcon, Button, Loader, Menu, Modal, Tooltip } from "@mantine/core";
import { Link, useNavigate } from "@tanstack/react-router";
import { IconAlertTriangle, IconCode, IconDotsVertical, IconDownload, IconExternalLink, IconInfoCircle, IconLink, IconPencil, IconTelescope, IconViewportWide } from "@tabler/icons-react";
import type { Panel } from "@/api/dashboards";
import { Failure } from "@/components/Panel";
import { addressOf } from "@/components/panels/address";
import { Content } from "@/components/panels/Content";
import { Markdown } from "@/components/panels/Markdown";
import { useSize } from "@/components/panels/useSize";
import { leaveMenu } from "@/lib/focus";
import { cut } from "@/lib/text";
import { useRange } from "@/state/range";
import { useBoard } from "./board";
import { csvOf, save } from "./export";
import type { Scope } from "./layout";
import { referencedNames } from "./substitute";
import { namedPanel } from "./asking";
import { usePanelData } from "./usePanelData";
import { panelYaml } from "./yaml";
import classes from "./dashboards.module.css";

interface PanelCardProps {
  panel: Panel;
  scope: Scope;
  level: 2 | 3;
  /** Shown alone: there is no way to where it is. */
  isAlone?: boolean;
  onEdit?: (() => void) | undefined;
  /** More of the menu, while it is edited. */
  more?: ReactNode;
  handle?: ReactNode;
}

/** Some errors name hundreds of series: the beginning says what it is. */
function shortened(error: unknown): unknown {
  return error instanceof Error && error.message.length > ERROR_CHARS ? new Error(cut(error.message, ERROR_CHARS)) : error;
}
const ERROR_CHARS = 220;

/** Whether an element was in view, or near it. */
function useSeen(): [React.RefObject<HTMLElement | null>, boolean] {
  const ref = useRef<HTMLElement>(null);
  const [isSeen, setSeen] = useState(false);
  useEffect(() => {
    const element = ref.current;
    if (!element) return undefined;
    const observer = new IntersectionObserver(([entry]) => setSeen(entry?.isIntersecting ?? false), { rootMargin: "240px" });
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return [ref, isSeen];
}

export const PanelCard = memo(function PanelCard({ panel, scope, level, isAlone = false, onEdit, more, handle }: PanelCardProps) {
  const board = useBoard();
  const range = useRange();
  const navigate = useNavigate();
  const [ref, isSeen] = useSeen();
  const [wasSeen, setWasSeen] = useState(false);
  const [size, { width }] = useSize<HTMLDivElement>();
  const [yaml, setYaml] = useState<string | null>(null);
  if (isSeen && !wasSeen) setWasSeen(true);
  const data = usePanelData(board, panel, scope, width, isSeen && width > 0);
  const { put } = data;
  const put_ = put.link;
  // What has the same answers and texts is not drawn again.
  const shown = useMemo(() => namedPanel(panel, put), [panel, put]);
  const { title } = shown;
  const why = useMemo(() => {
    const without = [...new Set(panel.queries.flatMap(({ expr }) => referencedNames(expr)))].filter((name) => scope.get(name)?.values.every((value) => value === ""));
    return without.length === 0 ? undefined : `$${without[0] ?? ""}${without.length === 1 ? " has" : ` and ${without.length - 1} more have`} no value here.`;
  }, [panel.queries, scope]);
  const Heading = level === 2 ? "h2" : "h3";
  const explore = useMemo(() => data.asked.map(({ expr, query }) => ({ expr, ...(query.hidden ? { hidden: true } : {}), ...(query.legend !== "" && !query.legend.startsWith("__") ? { legend: query.legend } : {}) })), [data.asked]);
  const hasQueries = explore.length > 0;
  const times = panel.timeFrom !== "" || panel.timeShift !== "" ? { from: String(Math.round(data.fromS * 1000)), to: String(Math.round(data.toS * 1000)) } : { ...(range.text.from === "now-1h" && range.text.to === "now" ? {} : range.text) };
  const links = panel.links.flatMap((link) => { const href = addressOf(put.link(link.url)); return href ? [{ ...link, href, title: put.text(link.title) || href }] : []; });
  const hint = panel.hideTimeOverride ? "" : [panel.timeFrom && `last ${panel.timeFrom.replace(/^now-/, "")}`, panel.timeShift && `${panel.timeShift} before`].filter(Boolean).join(", ");
  const hasAnswers = data.tables.length > 0 || data.histograms.length > 0;
  const isWaiting = hasQueries && data.isPending;
  const hasOnlyFailed = data.failures.length > 0 && !hasAnswers;
  return (
    <article ref={ref} className={classes.panel} data-panel={panel.id} data-clear={panel.transparent || undefined} aria-label={title || `Panel ${panel.id}`} aria-busy={isWaiting || undefined}>
      <header className={classes.head}>
        {handle}
        {title !== "" && <Heading className={`${classes.panelTitle ?? ""} foreign`} title={cut(title, 300)}>{cut(title, 160)}</Heading>}
        {panel.description !== "" && <Tooltip multiline maw={420} label={<Markdown text={put.text(panel.description)} />} events={{ hover: true, focus: true, touch: true }}><span tabIndex={0} role="img" aria-label={`What it shows: ${cut(panel.description, 300)}`} className={classes.icon}><IconInfoCircle size={14} /></span></Tooltip>}
        {hint !== "" && <span className={classes.hint}>{hint}</span>}
        <span className={classes.headEnd}>
          {data.failures.length > 0 && hasAnswers && <Tooltip multiline maw={420} label={data.failures.map(({ refId, error }) => `${refId}: ${error instanceof Error ? error.message : String(error)}`).join("\n")}><span tabIndex={0} role="img" aria-label={`Query ${data.failures.map(({ refId }) => refId).join(", ")} failed`} className={classes.icon} data-tone="bad"><IconAlertTriangle size={14} /></span></Tooltip>}
          {data.notes.length > 0 && <Tooltip multiline maw={420} label={cut(data.notes.join("\n"), 800)}><span tabIndex={0} role="img" aria-label={`Notes: ${cut(data.notes.join("; "), 300)}`} className={classes.icon} data-tone="warn"><IconAlertTriangle size={14} /></span></Tooltip>}
          {links.map(({ href, title: name, newTab }) => <Tooltip key={href} label={cut(name)}><a href={href} aria-label={cut(name)} className={classes.icon} {...(newTab ? { target: "_blank", rel: "noopener noreferrer" } : {})}><IconLink size={14} /></a></Tooltip>)}
          <Menu position="bottom-end" width={210}>
            <Menu.Target><ActionIcon size={26} className={classes.menu} aria-label={`Menu of ${title || `panel ${panel.id}`}`}><IconDotsVertical size={15} /></ActionIcon></Menu.Target>
            <Menu.Dropdown>
              {hasQueries && <Menu.Item leftSection={<IconTelescope size={15} />} renderRoot={(props: object) => <Link to="/explore" search={{ q: explore, ...times }} {...props} />}>Explore</Menu.Item>}
              <Menu.Item leftSection={<IconViewportWide size={15} />} onClick={() => void navigate({ to: ".", search: (old: Record<string, unknown>) => ({ ...old, panel: isAlone ? undefined : String(panel.id), edit: undefined }) })}>{isAlone ? "Back to all panels" : "View alone"}</Menu.Item>
              {onEdit && <Menu.Item leftSection={<IconPencil size={15} />} onClick={(event) => { leaveMenu(event); onEdit(); }}>Edit</Menu.Item>}
              {more}
              <Menu.Divider />
              <Menu.Item leftSection={<IconCode size={15} />} onClick={(event) => { leaveMenu(event); setYaml(panelYaml(panel)); }}>As YAML</Menu.Item>
              {hasAnswers && <Menu.Item leftSection={<IconDownload size={15} />} onClick={() => save(`${title || "panel"}.csv`, csvOf(data.tables), "text/csv")}>Download CSV</Menu.Item>}
              {links.length > 0 && <><Menu.Divider />{links.map(({ href, title: name, newTab }) => <Menu.Item key={href} leftSection={<IconExternalLink size={15} />} component="a" href={href} {...(newTab ? { target: "_blank", rel: "noopener noreferrer" } : {})}>{cut(name, 60)}</Menu.Item>)}</>}
            </Menu.Dropdown>
          </Menu>
        </span>
      </header>
      <div ref={size} style={{ height: 0 }} />
      {!wasSeen || isWaiting ? <div className={classes.wait}>{wasSeen && <Loader size="sm" type="dots" color="gray" aria-label="Loading" />}</div>
        : hasOnlyFailed ? <div className={classes.problem}>{data.failures.slice(0, 3).map(({ refId, error }) => <Failure key={refId} error={shortened(error)} what={data.failures.length > 1 ? `Query ${refId} failed` : "The query failed"} retry={data.retry} />)}</div>
          : <Content panel={shown} tables={data.tables} histograms={data.histograms} step={data.step} fromS={data.fromS} toS={data.toS} onZoom={range.zoom} put={put_} why={why} {...(board.dashboard.crosshair === "none" ? {} : { sync: "dashboard" })} />}
      <Modal opened={yaml !== null} onClose={() => setYaml(null)} title={`${title || "Panel"} as YAML`} size="xl">{yaml !== null && <Yaml text={yaml} />}</Modal>
    </article>
  );
});

export function Yaml({ text, name }: { text: string; name?: string }) {
  const [isCopied, setCopied] = useState(false);
  const copy = () => void navigator.clipboard.writeText(text).then(() => { setCopied(true); setTimeout(() => setCopied(false), 1_500); });
  return (
    <div className="stack tight">
      <pre className={classes.code} tabIndex={0}>{text}</pre>
      <div className="row"><Button onClick={copy}>{isCopied ? "Copied" : "Copy"}</Button>{name && <Button onClick={() => save(name, text, "application/yaml")}>Download</Button>}</div>
    </div>
  );
}
