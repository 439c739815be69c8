/** A dashboard while it is changed: panels, variables, settings; saved in the place of the version that was read. */

import { lazy, Suspense, useCallback, useMemo, useRef, useState } from "react";
import { Button, Menu, Modal } from "@mantine/core";
import { useHotkeys } from "@mantine/hooks";
import { useQueryClient } from "@tanstack/react-query";
import { useBlocker, useNavigate, useSearch } from "@tanstack/react-router";
import { IconArrowBackUp, IconArrowForwardUp, IconChevronDown, IconCode, IconDeviceFloppy, IconPlus, IconPointFilled, IconSettings, IconVariable } from "@tabler/icons-react";
import { ApiError } from "@/api/client";
import { type Dashboard, type DashboardProblem, type KeptDashboard, oneDashboard, saveDashboard } from "@/api/dashboards";
import { visible } from "@/components/LabelSet";
import { Page } from "@/components/Page";
import { Empty, Failure, Panel, Waiting } from "@/components/Panel";
import { When } from "@/components/When";
import { spokenDuration } from "@/lib/duration";
import { leaveMenu, useFocusReturned } from "@/lib/focus";
import { cut } from "@/lib/text";
import { BoardProvider } from "../board";
import { KINDS, newDashboard, uidOf } from "../defaults";
import { Yaml } from "../PanelCard";
import { Problems } from "../Problems";
import { useVariables } from "../useVariables";
import { VariablesBar } from "../VariablesBar";
import { dashboardYaml } from "../yaml";
import { addPanel, EditGrid, EditRowHead } from "./EditGrid";
import { Settings } from "./Settings";
import { useDraft } from "./useDraft";
import { VariablesEditor } from "./VariablesEditor";
import classes from "../dashboards.module.css";

const PanelEditor = lazy(() => import("./PanelEditor").then((page) => ({ default: page.PanelEditor })));

/** The same times and variables, as they are looked at. */
function withoutEdit(old: Readonly<Record<string, unknown>>): Record<`var-${string}`, string | string[]> {
  return Object.fromEntries(Object.entries(old).filter(([name]) => name !== "edit" && name !== "panel")) as Record<`var-${string}`, string | string[]>;
}

function firstOf(kept: KeptDashboard | null): Dashboard {
  if (!kept) return newDashboard(uidOf(""));
  return kept.readOnly ? { ...kept.dashboard, uid: uidOf(kept.dashboard.title), title: `${kept.dashboard.title} (copy)` } : kept.dashboard;
}

export function Edit({ kept }: { kept: KeptDashboard | null }) {
  const navigate = useNavigate();
  const client = useQueryClient();
  const search = useSearch({ from: "/dashboards/$uid" });
  const isCopy = kept?.readOnly === true;
  const isNew = kept === null || isCopy;
  const [first] = useState(() => firstOf(kept));
  const draft = useDraft(first, isNew);
  const { dashboard } = draft;
  const { resolved, board, set } = useVariables(dashboard, search, true);
  const [open, setOpen] = useState<"settings" | "variables" | "yaml" | null>(null);
  const [edited, setEdited] = useState<number | null>(() => (search.panel === undefined ? null : Number(search.panel)));
  const [saving, setSaving] = useState(false);
  const [failure, setFailure] = useState<unknown>(null);
  const [conflict, setConflict] = useState<KeptDashboard | "gone" | null>(null);
  const [isDone, setIsDone] = useState(false);
  // The way away is asked for before React has drawn that all is saved.
  const done = useRef(false);
  // It loses the focus while it waits: a dialogue that opens then cannot give it back.
  const saveButton = useRef<HTMLButtonElement>(null);
  const setDone = (now: boolean) => { done.current = now; setIsDone(now); };
  const isDirty = (draft.isChanged || isCopy) && !isDone;

  const blocker = useBlocker({
    shouldBlockFn: ({ current, next }) => draft.isChanged && !done.current && (next.pathname !== current.pathname || (kept !== null && (next.search as { edit?: boolean }).edit !== true)),
    enableBeforeUnload: () => draft.isChanged && !done.current,
    withResolver: true,
  });

  const save = async (what: Dashboard, version: number) => {
    setSaving(true);
    setFailure(null);
    try {
      const saved = await saveDashboard({ ...what, rows: what.rows.filter((row, index) => index > 0 || row.title !== "" || row.panels.length > 0 || what.rows.length === 1) }, version);
      client.setQueryData(["dashboard", what.uid], saved);
      void client.invalidateQueries({ queryKey: ["now", "dashboards"] });
      void client.invalidateQueries({ queryKey: ["dashboard", what.uid, "yaml"] });
      setConflict(null);
      setDone(true);
      setTimeout(() => void navigate({ to: "/dashboards/$uid", params: { uid: saved.dashboard.uid }, search: withoutEdit }), 0);
    } catch (error) {
      if (error instanceof ApiError && error.status === 409) setConflict(await oneDashboard(what.uid).catch(() => "gone" as const));
      else setFailure(error);
    } finally {
      setSaving(false);
    }
  };
  const saveNow = () => void save(dashboard, isNew ? 0 : kept.version);
  useHotkeys([["mod+S", (event) => { event.preventDefault(); saveNow(); }], ["mod+Z", draft.undo], ["mod+shift+Z", draft.redo]]);
  const leave = () => void navigate(kept ? { to: "/dashboards/$uid", params: { uid: kept.dashboard.uid }, search: withoutEdit } : { to: "/dashboards" });
  const edit = useCallback((id: number) => setEdited(id), []);
  const add = (index: number, kind?: Parameters<typeof addPanel>[2]) => setEdited(addPanel(draft, index, kind));
  useFocusReturned(edited !== null);
  const panel = useMemo(() => (edited === null ? undefined : dashboard.rows.flatMap(({ panels }) => panels).find(({ id }) => id === edited)), [edited, dashboard]);
  const problems = failure instanceof ApiError ? (failure.answer as { problems?: DashboardProblem[] } | null)?.problems : undefined;
  const isBare = dashboard.rows.every(({ panels }) => panels.length === 0);

  return (
    <Page
      title={cut(dashboard.title, 120) || "Dashboard"}
      lead={isCopy ? `A copy: the dashboard itself is a file, ${kept.file ?? ""}, and stays as it is.` : undefined}
      badge={isDirty ? <span className={classes.unsaved}><IconPointFilled size={12} aria-hidden />not saved</span> : undefined}
      controls={
        <>
          <Button.Group>
            <Button px={8} aria-label="Take back (Ctrl Z)" title="Take back (Ctrl Z)" disabled={!draft.canUndo} onClick={draft.undo}><IconArrowBackUp size={15} /></Button>
            <Button px={8} aria-label="Do again (Ctrl Shift Z)" title="Do again (Ctrl Shift Z)" disabled={!draft.canRedo} onClick={draft.redo}><IconArrowForwardUp size={15} /></Button>
          </Button.Group>
          <Menu position="bottom-end">
            <Menu.Target><Button leftSection={<IconPlus size={15} />} rightSection={<IconChevronDown size={13} />}>Add</Button></Menu.Target>
            <Menu.Dropdown>
              {KINDS.map(({ value, label }) => <Menu.Item key={value} onClick={(event) => { leaveMenu(event); add(dashboard.rows.length - 1, value); }}>{label}</Menu.Item>)}
              <Menu.Divider />
              <Menu.Item onClick={() => draft.change((old) => ({ ...old, rows: [...old.rows, { title: "New row", collapsed: false, panels: [] }] }))}>Row</Menu.Item>
            </Menu.Dropdown>
          </Menu>
          <Button leftSection={<IconVariable size={15} />} onClick={() => setOpen("variables")}>Variables</Button>
          <Button leftSection={<IconSettings size={15} />} onClick={() => setOpen("settings")}>Settings</Button>
          <Button leftSection={<IconCode size={15} />} onClick={() => setOpen("yaml")}>As code</Button>
          <Button onClick={leave}>{draft.isChanged ? "Discard" : "Done"}</Button>
          <Button ref={saveButton} variant="filled" leftSection={<IconDeviceFloppy size={15} />} loading={saving} disabled={!isDirty && !isNew} onClick={saveNow}>{isCopy ? "Save copy" : "Save"}</Button>
        </>
      }
    >
      {failure !== null && (problems ? <Problems problems={problems} dashboard={dashboard} /> : <Failure error={failure} what="It was not saved" />)}
      <VariablesBar resolved={resolved} set={set} />
      {!board ? <Waiting height={400} /> : (
        <BoardProvider value={board}>
          <div className={`${classes.editing ?? ""} stack`}>
            {isBare && dashboard.rows.length === 1
              ? <Panel><Empty title="What shall it show?" action={<span className="row wrap">{(["time_series", "stat", "table", "text"] as const).map((kind) => <Button key={kind} {...(kind === "time_series" ? { variant: "filled" as const } : {})} onClick={() => add(0, kind)}>{KINDS.find(({ value }) => value === kind)?.label}</Button>)}</span>}>Add the first panel; there are more kinds under Add.</Empty></Panel>
              : dashboard.rows.map((row, index) => (
                <div key={index} className={classes.row}>
                  {(dashboard.rows.length > 1 || row.title !== "") && <EditRowHead row={row} index={index} draft={draft} onAdd={() => add(index)} />}
                  <EditGrid row={row} index={index} level={dashboard.rows.length > 1 || row.title !== "" ? 3 : 2} draft={draft} scope={board.chosen} onEdit={edit} />
                </div>
              ))}
          </div>
          {panel && <Suspense fallback={null}><PanelEditor key={panel.id} panel={panel} dashboard={dashboard} board={board} onClose={() => setEdited(null)} onApply={(next) => { draft.changePanel(panel.id, () => next); setEdited(null); }} /></Suspense>}
        </BoardProvider>
      )}
      <Settings isOpen={open === "settings"} close={() => setOpen(null)} draft={draft} kept={isNew ? null : kept} onRemoved={() => { setDone(true); setTimeout(() => void navigate({ to: "/dashboards" }), 0); }} />
      <VariablesEditor isOpen={open === "variables"} close={() => setOpen(null)} draft={draft} resolved={resolved} />
      <Modal opened={open === "yaml"} onClose={() => setOpen(null)} title="This dashboard as code" size="xl">{open === "yaml" && <Yaml text={dashboardYaml(dashboard)} name={`${dashboard.uid}.yml`} />}</Modal>
      <Modal opened={blocker.status === "blocked"} onClose={() => blocker.reset?.()} title="What you changed is not saved">
        <div className="stack tight"><p>It is lost when you leave.</p><div className="row wrap"><Button variant="filled" data-autofocus onClick={() => blocker.reset?.()}>Stay</Button><Button color="red" variant="light" onClick={() => blocker.proceed?.()}>Leave without saving</Button></div></div>
      </Modal>
      <Modal opened={conflict !== null} onClose={() => setConflict(null)} title="Somebody else was first" returnFocus={false} onExitTransitionEnd={() => saveButton.current?.focus()}>
        <div className="stack tight">
          {conflict === "gone" || conflict === null
            ? <p>This dashboard was removed meanwhile. You can save yours as a new one.</p>
            : <p>It was saved {conflict.savedBy ? <span className="foreign">by {visible(conflict.savedBy)} </span> : null}{conflict.savedAt === undefined ? "meanwhile" : <><When ms={conflict.savedAt * 1000} /> (<span title={spokenDuration(Date.now() / 1000 - conflict.savedAt)}>version {conflict.version}</span>)</>}, after you began with version {kept?.version ?? 0}. What they saved is not overwritten.</p>}
          <div className="row wrap">
            <Button variant="filled" data-autofocus loading={saving} onClick={() => void save({ ...dashboard, uid: uidOf(dashboard.title), title: `${dashboard.title} (mine)` }, 0)}>Save mine as new</Button>
            {conflict !== "gone" && conflict !== null && <Button onClick={() => { client.setQueryData(["dashboard", dashboard.uid], conflict); setDone(true); setConflict(null); setTimeout(leave, 0); }}>Load theirs, drop mine</Button>}
            <Button onClick={() => setConflict(null)}>Go on editing</Button>
          </div>
        </div>
      </Modal>
    </Page>
  );
}
