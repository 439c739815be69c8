/** A query in PromQL, as it is written: completion from the server, what is wrong while it is typed, what was asked before. */

import { useEffect, useRef, useState } from "react";
import { ActionIcon, Menu } from "@mantine/core";
import { IconHistory } from "@tabler/icons-react";
import type { Editor } from "./codemirror";
import { forgetQueries, pastQueries, remember } from "./history";
import classes from "./QueryEditor.module.css";

export interface QueryEditorProps {
  value: string;
  onChange?: (value: string) => void;
  /** Enter, or Ctrl and Enter. */
  onRun?: () => void;
  /** What it is, for those who do not see it: `Query A`. */
  label: string;
  /** Least pixels. */
  height?: number;
  readOnly?: boolean;
  placeholder?: string;
  /** Whether the server refused it; the words stand elsewhere, under `describedBy`. */
  isInvalid?: boolean;
  describedBy?: string;
  autoFocus?: boolean;
  /** Whether there is a menu of what was asked before. */
  withHistory?: boolean;
}

const nothing = () => undefined;

export function QueryEditor({ value, onChange = nothing, onRun = nothing, label, height = 37, readOnly = false, placeholder = "A query in PromQL", isInvalid = false, describedBy, autoFocus = false, withHistory = true }: QueryEditorProps) {
  const host = useRef<HTMLDivElement>(null);
  const editor = useRef<Editor | null>(null);
  const [isReady, setReady] = useState(false);
  const latest = useRef({ value, onChange, onRun });
  latest.current = { value, onChange, onRun };

  useEffect(() => {
    let isOver = false;
    void import("./codemirror").then(({ makeEditor }) => {
      if (isOver || !host.current) return;
      editor.current = makeEditor({
        host: host.current, value: latest.current.value, label, placeholder, readOnly, describedBy, focus: autoFocus,
        onChange: (text) => { if (text !== latest.current.value) latest.current.onChange(text); },
        onRun: () => latest.current.onRun(),
      });
      setReady(true);
    });
    return () => {
      isOver = true;
      editor.current?.destroy();
      editor.current = null;
      setReady(false);
    };
    // eslint-disable-next-line react-hooks/exhaustive-deps -- these are of the editor's beginning; what changes is given to it below
  }, [label, placeholder]);

  useEffect(() => editor.current?.setValue(value), [value, isReady]);
  useEffect(() => editor.current?.setReadOnly(readOnly), [readOnly, isReady]);
  useEffect(() => editor.current?.setInvalid(isInvalid), [isInvalid, isReady]);

  const take = (query: string) => {
    onChange(query);
    remember(query);
    editor.current?.focus();
  };
  return (
    <div className={`${classes.frame ?? ""} ${isInvalid ? classes.wrong ?? "" : ""} ${readOnly ? classes.still ?? "" : ""}`} data-query-editor={label}>
      <div ref={host} className={classes.host} style={{ minHeight: height }}>
        {!isReady && <div className={`${classes.before ?? ""} ${value === "" ? classes.empty ?? "" : ""}`} aria-hidden>{value || placeholder}</div>}
      </div>
      {withHistory && !readOnly && <Past take={take} />}
    </div>
  );
}

function Past({ take }: { take: (query: string) => void }) {
  const [isOpen, setOpen] = useState(false);
  const queries = isOpen ? pastQueries() : [];
  return (
    <Menu opened={isOpen} onChange={setOpen} position="bottom-end" width="auto">
      <div className={classes.past}>
        <Menu.Target><ActionIcon size={28} title="What was asked before (Alt ↑)" aria-label="What was asked before"><IconHistory size={15} /></ActionIcon></Menu.Target>
      </div>
      <Menu.Dropdown>
        <div className={classes.list}>
          {queries.length === 0 && <Menu.Item data-disabled aria-disabled closeMenuOnClick={false}>Nothing was asked in this browser yet.</Menu.Item>}
          {queries.map((query) => <Menu.Item key={query} onClick={() => take(query)}><span className={classes.query}>{query}</span></Menu.Item>)}
        </div>
        {queries.length > 0 && <><Menu.Divider /><Menu.Item onClick={forgetQueries}>Forget them</Menu.Item></>}
      </Menu.Dropdown>
    </Menu>
  );
}
