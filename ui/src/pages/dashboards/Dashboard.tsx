/** One dashboard: its variables and panels; to be looked at, and with `?edit` to be changed. */

import { lazy, Suspense, useEffect, useMemo, useState } from "react";
import { Button, Menu, Modal, Tooltip } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { IconArrowLeft, IconChevronDown, IconCode, IconCopy, IconExternalLink, IconFileText, IconPencil, IconStar } from "@tabler/icons-react";
import { ApiError } from "@/api/client";
import { dashboardYaml, dashboards, type KeptDashboard, oneDashboard } from "@/api/dashboards";
import { useNowQuery } from "@/api/hooks";
import { type PageKey, usePageKeys } from "@/components/Keys";
import { Page } from "@/components/Page";
import { Empty, Failure, Loaded, Panel, Waiting } from "@/components/Panel";
import { addressOf } from "@/components/panels/address";
import { keepTimes } from "@/components/places";
import { parseDurationMs } from "@/lib/duration";
import { cut } from "@/lib/text";
import { useRange } from "@/state/range";
import { type Board, BoardProvider, putting } from "./board";
import { layout } from "./layout";
import { PanelCard, Yaml } from "./PanelCard";
import { Rows } from "./Rows";
import { useVariables } from "./useVariables";
import { VariablesBar } from "./VariablesBar";
import classes from "./dashboards.module.css";

const Edit = lazy(() => import("./edit/Edit").then((page) => ({ default: page.Edit })));

export function Dashboard() {
  const { uid } = useParams({ from: "/dashboards/$uid" });
  const { edit } = useSearch({ from: "/dashboards/$uid" });
  const isNew = uid === "new";
  const kept = useQuery({ queryKey: ["dashboard", uid], queryFn: ({ signal }) => oneDashboard(uid, signal), enabled: !isNew, staleTime: 10_000, retry: (count, error) => !(error instanceof ApiError && error.status === 404) && count < 2 });
  if (isNew) return <Suspense fallback={<Waiting height={400} />}><Edit key="new" kept={null} /></Suspense>;
  if (kept.data && edit) return <Suspense fallback={<Waiting height={400} />}><Edit key={uid} kept={kept.data} /></Suspense>;
  if (kept.data) return <Viewer key={uid} kept={kept.data} />;
  return (
    <Page title="Dashboard">
      <Panel>
        {kept.error instanceof ApiError && kept.error.status === 404
          ? <Empty title="There is no such dashboard" action={<Button component={Link} to="/dashboards">All dashboards</Button>}>It may have been removed, or this server keeps none.</Empty>
          : kept.error ? <Failure error={kept.error} retry={() => void kept.refetch()} /> : <Waiting height={400} />}
      </Panel>
    </Page>
  );
}

/** The dashboard's own times and refresh stand in the address before anything is asked. */
function useOwnTimes({ dashboard }: KeptDashboard): boolean {
  const search = useSearch({ strict: false });
  const navigate = useNavigate();
  const [isReady, setReady] = useState(search.from !== undefined && search.refresh !== undefined);
  useEffect(() => {
    if (isReady) return;
    const ms = parseDurationMs(dashboard.refresh);
    const refresh = search.refresh ?? (ms === null ? 0 : Math.max(1, Math.round(ms / 1000)));
    const times = search.from === undefined && dashboard.time.from !== "" ? { from: dashboard.time.from, to: dashboard.time.to || "now" } : {};
    void navigate({ to: ".", replace: true, search: (old: Record<string, unknown>) => ({ ...old, ...times, refresh }) }).then(() => setReady(true));
  }, [isReady, dashboard, navigate, search]);
  return isReady;
}

function Viewer({ kept }: { kept: KeptDashboard }) {
  const { dashboard, readOnly } = kept;
  const search = useSearch({ from: "/dashboards/$uid" });
  const navigate = useNavigate();
  const isReady = useOwnTimes(kept);
  const { resolved, board, set } = useVariables(dashboard, search, isReady);
  const [yaml, setYaml] = useState(false);
  const rows = useMemo(() => (board ? layout(dashboard, board.chosen) : []), [dashboard, board]);
  const alone = search.panel === undefined ? undefined : rows.flatMap(({ panels }) => panels).find(({ panel }) => String(panel.id) === search.panel);
  const edit = useMemo(() => () => void navigate({ to: ".", search: (old: Record<string, unknown>) => ({ ...old, edit: true, panel: undefined }) }), [navigate]);
  const keys = useMemo((): PageKey[] => [
    { key: "e", says: readOnly ? "save a copy" : "edit", run: edit },
    { key: "y", says: "as code", run: () => setYaml(true) },
    ...(search.panel === undefined ? [] : [{ key: "Escape", says: "back to all panels", run: () => void navigate({ to: ".", search: (old: Record<string, unknown>) => ({ ...old, panel: undefined }) }) }]),
  ], [edit, navigate, readOnly, search.panel]);
  usePageKeys(keys);
  const panelCount = dashboard.rows.reduce((sum, { panels }) => sum + panels.length, 0);
  return (
    <Page
      title={cut(dashboard.title, 120)}
      lead={dashboard.description === "" ? undefined : <span className="foreign">{cut(dashboard.description, 400)}</span>}
      badge={readOnly ? <Tooltip multiline maw={420} label={`This dashboard is a file, ${kept.file ?? ""}. Change it there, or save a copy.`}><span className={classes.tag} tabIndex={0}><IconFileText size={12} style={{ verticalAlign: -2 }} aria-hidden /> from a file</span></Tooltip> : undefined}
      controls={
        <>
          {alone && <Button leftSection={<IconArrowLeft size={15} />} onClick={() => void navigate({ to: ".", search: (old: Record<string, unknown>) => ({ ...old, panel: undefined }) })}>All panels</Button>}
          <Button leftSection={<IconCode size={15} />} onClick={() => setYaml(true)}>As code</Button>
          <Button leftSection={readOnly ? <IconCopy size={15} /> : <IconPencil size={15} />} onClick={edit}>{readOnly ? "Save a copy" : "Edit"}</Button>
        </>
      }
    >
      {(resolved.length > 0 || dashboard.links.length > 0) && board && (
        <div className={classes.bar}>
          <VariablesBar resolved={resolved} set={set} />
          <BoardLinks board={board} />
        </div>
      )}
      {!board ? <Waiting height={400} /> : (
        <BoardProvider value={board}>
          {panelCount === 0
            ? <Panel><Empty icon={<IconStar size={22} />} title="Nothing is on this dashboard yet" action={<Button variant="filled" onClick={edit}>Add a panel</Button>}>A panel asks something and shows the answer.</Empty></Panel>
            : alone ? <div className={classes.alone}><PanelCard key={alone.key} panel={alone.panel} scope={alone.scope} level={2} isAlone /></div>
              : search.panel !== undefined ? <Panel><Empty title="There is no such panel" action={<Button onClick={() => void navigate({ to: ".", search: (old: Record<string, unknown>) => ({ ...old, panel: undefined }) })}>All panels</Button>} /></Panel>
                : <Rows rows={rows} board={board} {...(readOnly ? {} : { onEdit: (id: number) => void navigate({ to: ".", search: (old: Record<string, unknown>) => ({ ...old, edit: true, panel: String(id) }) }) })} />}
        </BoardProvider>
      )}
      <Modal opened={yaml} onClose={() => setYaml(false)} title="This dashboard as code" size="xl">{yaml && <AsCode uid={dashboard.uid} />}</Modal>
    </Page>
  );
}

function AsCode({ uid }: { uid: string }) {
  const text = useQuery({ queryKey: ["dashboard", uid, "yaml"], queryFn: ({ signal }) => dashboardYaml(uid, signal), staleTime: 0 });
  return (
    <div className="stack tight">
      <p className="muted">Put it into a file that the configuration names under <code>dashboards:</code>.</p>
      <Loaded answer={text} height={200}>{(yaml) => <Yaml text={yaml} name={`${uid}.yml`} />}</Loaded>
    </div>
  );
}

/** Where one goes from here. */
function BoardLinks({ board }: { board: Board }) {
  const range = useRange();
  const wantsList = board.dashboard.links.some(({ kind }) => kind === "dashboards");
  const all = useNowQuery(["dashboards"], dashboards, { enabled: wantsList, everyMs: 60_000 });
  if (board.dashboard.links.length === 0) return null;
  const put = putting(board, board.chosen, range, board.scrapeS);
  const extra = (link: Board["dashboard"]["links"][number]) => [link.keepTime ? `from=${encodeURIComponent(range.text.from)}&to=${encodeURIComponent(range.text.to)}` : "", link.keepVariables ? board.variablesText : ""].filter((part) => part !== "").join("&");
  return (
    <nav className={classes.links} aria-label="Links of this dashboard">
      {board.dashboard.links.map((link, index) => {
        const more = extra(link);
        if (link.kind === "dashboards") {
          const found = (all.data ?? []).filter(({ uid, tags }) => uid !== board.dashboard.uid && link.tags.every((tag) => tags.includes(tag)));
          const href = (uid: string) => `/dashboards/${encodeURIComponent(uid)}${more === "" ? "" : `?${more}`}`;
          if (!link.asMenu) return found.map(({ uid, title }) => <a key={`${index} ${uid}`} href={href(uid)}>{cut(title, 60)}</a>);
          return (
            <Menu key={index}>
              <Menu.Target><Button rightSection={<IconChevronDown size={13} />}>{cut(put.text(link.title), 60) || "Dashboards"}</Button></Menu.Target>
              <Menu.Dropdown>{found.length === 0 ? <Menu.Item data-disabled aria-disabled closeMenuOnClick={false}>None has these tags.</Menu.Item> : found.map(({ uid, title }) => <Menu.Item key={uid} renderRoot={(props: object) => <Link to="/dashboards/$uid" params={{ uid }} search={link.keepTime ? keepTimes : {}} {...props} />}>{cut(title, 60)}</Menu.Item>)}</Menu.Dropdown>
            </Menu>
          );
        }
        const address = addressOf(put.link(link.url));
        if (address === null) return null;
        return <a key={index} href={more === "" ? address : address + (address.includes("?") ? "&" : "?") + more} title={link.tooltip === "" ? undefined : cut(link.tooltip)} {...(link.newTab ? { target: "_blank", rel: "noopener noreferrer" } : {})}>{cut(put.text(link.title) || address, 60)} {link.newTab && <IconExternalLink size={12} style={{ verticalAlign: -1 }} aria-hidden />}</a>;
      })}
    </nav>
  );
}
