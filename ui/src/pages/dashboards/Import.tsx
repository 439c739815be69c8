/** A dashboard of Grafana, or one as code: what it comes to, panel by panel, before it is saved. */

import { type DragEvent, useMemo, useRef, useState } from "react";
import { Button, SegmentedControl, Textarea, TextInput } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { IconArrowLeft, IconFileImport, IconUpload } from "@tabler/icons-react";
import { ApiError } from "@/api/client";
import { type DashboardProblem, type Finding, type ImportedDashboard, importDashboard, oneDashboard, saveDashboard, type Verdict } from "@/api/dashboards";
import { Page } from "@/components/Page";
import { Empty, Failure, Panel } from "@/components/Panel";
import { State, type Tone } from "@/components/State";
import { cut } from "@/lib/text";
import { uidOf } from "./defaults";
import { Problems } from "./Problems";
import classes from "./dashboards.module.css";

const TONES: Readonly<Record<Verdict, Tone>> = { same: "good", approximate: "warn", lost: "bad" };
const SAYS: Readonly<Record<Verdict, string>> = { same: "the same", approximate: "nearly", lost: "lost" };
/** As the server takes it. */
const BYTES_MAX = 16 * 1024 * 1024;

export function Import() {
  const navigate = useNavigate();
  const client = useQueryClient();
  const file = useRef<HTMLInputElement>(null);
  const [text, setText] = useState("");
  const [isOver, setOver] = useState(false);
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<unknown>(null);
  const [found, setFound] = useState<ImportedDashboard | null>(null);

  const read = async (given: string) => {
    setBusy(true);
    setFailure(null);
    try {
      setFound(await importDashboard(given));
    } catch (error) {
      setFailure(error);
    } finally {
      setBusy(false);
    }
  };
  const take = async (one: File | undefined) => {
    if (!one) return;
    if (one.size > BYTES_MAX) {
      setFailure(new Error(`${one.name} is larger than ${BYTES_MAX / 1024 / 1024} MiB.`));
      return;
    }
    const given = await one.text();
    setText(given.length > 200_000 ? "" : given);
    await read(given);
  };
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    void take(event.dataTransfer.files[0]);
  };
  if (found) {
    return (
      <Preview
        key={found.dashboard.uid} imported={found} back={() => setFound(null)}
        onSaved={(uid) => { void client.invalidateQueries({ queryKey: ["now", "dashboards"] }); void navigate({ to: "/dashboards/$uid", params: { uid } }); }}
      />
    );
  }
  const problems = failure instanceof ApiError ? (failure.answer as { problems?: DashboardProblem[] } | null)?.problems : undefined;
  return (
    <Page title="Import a dashboard" lead="JSON of Grafana, or a dashboard as code. Nothing is saved before you have seen what it comes to." controls={<Button leftSection={<IconArrowLeft size={15} />} component={Link} to="/dashboards">All dashboards</Button>}>
      {failure !== null && (problems ? <Problems problems={problems} title="It cannot be read" /> : <Failure error={failure} what="It cannot be read" />)}
      <div className={classes.drop} data-over={isOver || undefined} onDragOver={(event) => { event.preventDefault(); setOver(true); }} onDragLeave={() => setOver(false)} onDrop={drop}>
        <IconUpload size={26} aria-hidden />
        <p>Drop a file here: <code>.json</code> of Grafana, <code>.yml</code> or <code>.json</code> of Bellwether.</p>
        <Button variant="filled" loading={busy} onClick={() => file.current?.click()}>Choose a file</Button>
        <input ref={file} type="file" accept=".json,.yml,.yaml,application/json,application/yaml" className="sr" tabIndex={-1} aria-label="File" onChange={(event) => { void take(event.currentTarget.files?.[0]); event.currentTarget.value = ""; }} />
      </div>
      <Panel title="Or paste it">
        <div className={`${classes.paste ?? ""} stack tight`}>
          <Textarea aria-label="JSON or YAML" placeholder={'{ "title": "Node Exporter Full", "panels": [ … ] }'} autosize minRows={8} maxRows={20} value={text} onChange={(event) => setText(event.currentTarget.value)} onPaste={(event) => { const pasted = event.clipboardData.getData("text"); if (text === "" && pasted.trim() !== "") void read(pasted); }} spellCheck={false} />
          <div><Button leftSection={<IconFileImport size={15} />} disabled={text.trim() === ""} loading={busy} onClick={() => void read(text)}>Look at it</Button></div>
        </div>
      </Panel>
    </Page>
  );
}

function Preview({ imported, back, onSaved }: { imported: ImportedDashboard; back: () => void; onSaved: (uid: string) => void }) {
  const { dashboard, report, isForeign } = imported;
  const [show, setShow] = useState<Verdict | "all">("all");
  const [title, setTitle] = useState(dashboard.title);
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<unknown>(null);
  const [taken, setTaken] = useState<{ version: number; readOnly: boolean } | null>(null);
  const panels = useMemo(() => report.panels.filter(({ verdict }) => show === "all" || verdict === show), [report, show]);
  const save = async (uid: string, version: number) => {
    setBusy(true);
    setFailure(null);
    try {
      onSaved((await saveDashboard({ ...dashboard, uid, title }, version)).dashboard.uid);
    } catch (error) {
      const known = error instanceof ApiError && (error.status === 409 || error.status === 403) ? await oneDashboard(uid).catch(() => null) : null;
      if (known) setTaken(known);
      else setFailure(error);
      setBusy(false);
    }
  };
  const problems = failure instanceof ApiError ? (failure.answer as { problems?: DashboardProblem[] } | null)?.problems : undefined;
  const count = report.panels.length;
  return (
    <Page
      title={`Import: ${cut(dashboard.title, 100)}`}
      lead={isForeign ? `${report.same} of ${count} panels show what they showed in Grafana.` : "A dashboard of ours: nothing of it is lost."}
      controls={<><Button leftSection={<IconArrowLeft size={15} />} onClick={back}>Another</Button><Button variant="filled" loading={busy} disabled={title.trim() === ""} onClick={() => void save(dashboard.uid, 0)}>Save</Button></>}
    >
      {failure !== null && (problems ? <Problems problems={problems} dashboard={dashboard} /> : <Failure error={failure} what="It was not saved" />)}
      {taken && (
        <Panel title="There is one already">
          <p>A dashboard <code>{cut(dashboard.uid, 100)}</code> is there{taken.readOnly ? ", from a file" : `, version ${taken.version}`}.</p>
          <div className="row wrap">
            <Button variant="filled" loading={busy} onClick={() => void save(uidOf(title), 0)}>Save beside it</Button>
            {!taken.readOnly && <Button color="red" variant="light" onClick={() => void save(dashboard.uid, taken.version)}>Put it in its place</Button>}
          </div>
        </Panel>
      )}
      <Panel title="What is saved">
        <TextInput label="Title" value={title} onChange={(event) => setTitle(event.currentTarget.value)} error={title.trim() === "" ? "needs a title" : undefined} maw={480} />
        <p className="muted">{count} panels in {dashboard.rows.length} {dashboard.rows.length === 1 ? "row" : "rows"}{dashboard.variables.length > 0 ? <>; variables {dashboard.variables.map(({ name, kind }) => <code key={name} style={{ marginRight: 6 }} title={kind}>${cut(name, 40)}</code>)}</> : ", no variables"}</p>
      </Panel>
      {report.findings.length > 0 && <Panel title="Of the dashboard as a whole" hint={`${report.findings.length} ${report.findings.length === 1 ? "thing" : "things"}`}><Findings findings={report.findings} /></Panel>}
      <Panel
        flush title="Panel by panel"
        actions={<SegmentedControl aria-label="Which panels" data={[{ value: "all", label: `All ${count}` }, { value: "same", label: `The same ${report.same}` }, { value: "approximate", label: `Nearly ${report.approximate}` }, { value: "lost", label: `Lost ${report.lost}` }]} value={show} onChange={(value) => setShow(value)} />}
      >
        {panels.length === 0 ? <Empty title={count === 0 ? "It has no panels" : "No panel is like that"} /> : (
          <ul className={classes.report}>
            {panels.map((panel, index) => (
              <li key={`${panel.id} ${index}`}>
                <State state={panel.verdict} tone={TONES[panel.verdict]}>{SAYS[panel.verdict]}</State>
                <span><strong className="foreign">{cut(panel.title, 120) || "without a title"}</strong> <small>{cut(panel.plugin, 40)}{panel.row === "" ? "" : `, in ${cut(panel.row, 60)}`}</small></span>
                {panel.findings.length > 0 && <Findings findings={panel.findings} />}
              </li>
            ))}
          </ul>
        )}
      </Panel>
    </Page>
  );
}

const SEVERITY: Readonly<Record<Finding["severity"], { tone: Tone; says: string }>> = { lost: { tone: "bad", says: "lost" }, approximated: { tone: "warn", says: "nearly" }, cosmetic: { tone: "unknown", says: "looks different" } };

function Findings({ findings }: { findings: readonly Finding[] }) {
  return <ul className={classes.findings}>{findings.map((one, index) => <li key={index}><State state={one.severity} tone={SEVERITY[one.severity].tone}>{SEVERITY[one.severity].says}</State> <b className="foreign">{cut(one.what, 120)}</b> <span className="foreign">{cut(one.why, 500)}</span></li>)}</ul>;
}
