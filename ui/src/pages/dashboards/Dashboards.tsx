/** All dashboards: to be found by title, tag and where they come from. */

import { useMemo } from "react";
import { Button, CloseButton, SegmentedControl, TextInput, UnstyledButton } from "@mantine/core";
import { useHotkeys } from "@mantine/hooks";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { IconFileImport, IconFileText, IconLayoutDashboard, IconPlus, IconSearch, IconUser } from "@tabler/icons-react";
import { ApiError } from "@/api/client";
import { type DashboardSummary, dashboards } from "@/api/dashboards";
import { useNowQuery } from "@/api/hooks";
import { type Column, DataTable } from "@/components/DataTable";
import { type PageKey, usePageKeys } from "@/components/Keys";
import { visible } from "@/components/LabelSet";
import { Page } from "@/components/Page";
import { Empty, Loaded, Panel } from "@/components/Panel";
import { When } from "@/components/When";
import { cut } from "@/lib/text";
import classes from "./dashboards.module.css";

const FIND = "dashboards-find";

export function Dashboards() {
  const search = useSearch({ from: "/dashboards" });
  const navigate = useNavigate();
  const all = useNowQuery(["dashboards"], dashboards, { everyMs: 30_000 });
  const change = useMemo(() => (next: { find?: string | undefined; tag?: string | undefined; source?: string | undefined }) => void navigate({ to: "/dashboards", replace: true, search: (old) => ({ ...old, ...next }) }), [navigate]);
  const open = (uid: string) => void navigate({ to: "/dashboards/$uid", params: { uid } });
  const keys = useMemo((): PageKey[] => [
    { key: "f", says: "find a dashboard", run: () => document.getElementById(FIND)?.focus() },
    { key: "n", says: "new dashboard", run: () => void navigate({ to: "/dashboards/$uid", params: { uid: "new" } }) },
    { key: "i", says: "import", run: () => void navigate({ to: "/dashboards/import" }) },
  ], [navigate]);
  usePageKeys(keys);
  useHotkeys([["Escape", () => change({ find: undefined, tag: undefined, source: undefined })]]);
  const find = (search.find ?? "").toLowerCase();
  const found = useMemo(() => (all.data ?? []).filter((one) => (search.tag === undefined || one.tags.includes(search.tag)) && (search.source === undefined || one.source === search.source) && find.split(/\s+/).every((word) => `${one.title} ${one.uid} ${one.description} ${one.tags.join(" ")}`.toLowerCase().includes(word))), [all.data, find, search.tag, search.source]);
  const tags = useMemo(() => [...new Set((all.data ?? []).flatMap((one) => one.tags))].sort(), [all.data]);
  const columns = useMemo((): Column<DashboardSummary>[] => [
    { id: "title", title: "Dashboard", width: "minmax(200px, 3fr)", sort: (one) => one.title, cell: (one) => <span style={{ minWidth: 0, display: "block" }}><Link to="/dashboards/$uid" params={{ uid: one.uid }} className={`${classes.title ?? ""} foreign`}>{cut(one.title, 100)}</Link><span className={`${classes.says ?? ""} foreign`}>{cut(one.description, 200)}</span></span> },
    { id: "tags", title: "Tags", width: "minmax(120px, 1.4fr)", isMinor: true, cell: (one) => <span className={classes.tags}>{one.tags.slice(0, 6).map((tag) => <Tag key={tag} tag={tag} isOn={tag === search.tag} onClick={() => change({ tag: tag === search.tag ? undefined : tag })} />)}</span> },
    { id: "panels", title: "Panels", width: "80px", align: "right", sort: (one) => one.panelCount, cell: (one) => one.panelCount },
    { id: "source", title: "Where", width: "minmax(130px, 1fr)", isMinor: true, sort: (one) => (one.source === "file" ? one.file ?? "" : "saved"), cell: (one) => (one.source === "file" ? <span className="row muted" title={one.file}><IconFileText size={14} aria-hidden /><span className="ellipsis">{(one.file ?? "").split("/").at(-1)}</span></span> : <span className="row muted"><IconUser size={14} aria-hidden />saved here</span>) },
    { id: "saved", title: "Saved", width: "120px", isMinor: true, sort: (one) => one.savedAt, cell: (one) => (one.savedAt === undefined ? <span className="faint">–</span> : <span><When ms={one.savedAt * 1000} />{one.savedBy ? <span className="faint foreign"> by {visible(one.savedBy)}</span> : null}</span>) },
  ], [change, search.tag]);
  const create = <Button variant="filled" leftSection={<IconPlus size={15} />} component={Link} to="/dashboards/new">New</Button>;
  const imports = <Button leftSection={<IconFileImport size={15} />} component={Link} to="/dashboards/import">Import</Button>;
  const isMissing = all.error instanceof ApiError && all.error.status === 404;
  return (
    <Page title="Dashboards" lead="Pictures that are kept: as files beside the rules, or saved here." controls={<>{imports}{create}</>}>
      {isMissing ? <Panel><Empty icon={<IconLayoutDashboard size={24} />} title="This server keeps no dashboards">Give it a data folder, or name files under <code>dashboards:</code> in its configuration.</Empty></Panel> : (
        <Loaded answer={all} height={300}>
          {(data) => data.length === 0
            ? <Panel><Empty icon={<IconLayoutDashboard size={24} />} title="No dashboards yet" action={<span className="row">{imports}{create}</span>}>Import one of Grafana, make one here, or name files under <code>dashboards:</code> in the configuration.</Empty></Panel>
            : (
              <>
                <div className={classes.filters}>
                  <TextInput id={FIND} className={classes.find ?? ""} aria-label="Find a dashboard" placeholder="Find a dashboard" leftSection={<IconSearch size={14} />} value={search.find ?? ""} onChange={(event) => change({ find: event.currentTarget.value || undefined })} onKeyDown={(event) => { const first = found[0]; if (event.key === "Enter" && first) open(first.uid); }} rightSection={search.find ? <CloseButton size="xs" aria-label="Clear" onClick={() => change({ find: undefined })} /> : undefined} />
                  <SegmentedControl aria-label="Where they come from" data={[{ value: "", label: "All" }, { value: "file", label: "Files" }, { value: "saved", label: "Saved here" }]} value={search.source ?? ""} onChange={(source) => change({ source: source || undefined })} />
                  {tags.slice(0, 24).map((tag) => <Tag key={tag} tag={tag} isOn={tag === search.tag} onClick={() => change({ tag: tag === search.tag ? undefined : tag })} />)}
                </div>
                <Panel flush>
                  <DataTable label="Dashboards" rows={found} columns={columns} rowKey={(one) => one.uid} rowHeight={50} height={760} sorted={{ by: "title" }} onOpen={(one) => open(one.uid)} empty={<Empty title="None is like that" action={<Button onClick={() => change({ find: undefined, tag: undefined, source: undefined })}>Show all</Button>} />} />
                </Panel>
              </>
            )}
        </Loaded>
      )}
    </Page>
  );
}

function Tag({ tag, isOn, onClick }: { tag: string; isOn: boolean; onClick: () => void }) {
  return <UnstyledButton className={`${classes.tag ?? ""} foreign`} data-on={isOn || undefined} aria-pressed={isOn} onClick={onClick}>{cut(tag, 40)}</UnstyledButton>;
}
