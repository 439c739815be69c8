/** The editor itself: CodeMirror with PromQL. It is fetched when the first query is shown. */

import { autocompletion, closeBrackets, closeBracketsKeymap, closeCompletion, completionKeymap, completionStatus, startCompletion } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, insertNewlineAndIndent } from "@codemirror/commands";
import { bracketMatching, indentOnInput } from "@codemirror/language";
import { lintKeymap } from "@codemirror/lint";
import { Compartment, EditorState, type Extension, Prec } from "@codemirror/state";
import { drawSelection, EditorView, keymap, placeholder as placeholderOf } from "@codemirror/view";
import { PromQLExtension } from "@prometheus-io/codemirror-promql";
import { check } from "./check";
import { help } from "./help";
import { remember, Walk } from "./history";
import { source } from "./source";
import { theme } from "./theme";

export interface EditorOptions {
  host: HTMLElement;
  value: string;
  label: string;
  placeholder: string;
  readOnly: boolean;
  /** Id of what describes it: an error under it. */
  describedBy: string | undefined;
  onChange: (value: string) => void;
  onRun: () => void;
  focus: boolean;
}

export interface Editor {
  setValue: (value: string) => void;
  setReadOnly: (readOnly: boolean) => void;
  setInvalid: (isInvalid: boolean) => void;
  focus: () => void;
  destroy: () => void;
}

const nonce = () => document.querySelector('meta[name="csp-nonce"]')?.getAttribute("content") ?? "";

/** Typed over a selection, a browser keeps the colour of what was there as a style in the markup: the policy forbids it. */
const overSelection = EditorView.domEventHandlers({
  beforeinput: (event, view) => {
    const { from, to, empty } = view.state.selection.main;
    const text = event.data;
    if (event.inputType !== "insertText" || empty || text === null || view.composing || view.state.readOnly) return false;
    const insert = () => view.state.update(view.state.replaceSelection(text), { userEvent: "input.type", scrollIntoView: true });
    if (!view.state.facet(EditorView.inputHandler).some((handle) => handle(view, from, to, text, insert))) view.dispatch(insert());
    event.preventDefault();
    return true;
  },
});

export function makeEditor(options: EditorOptions): Editor {
  const promql = new PromQLExtension().activateLinter(false).setComplete({ remote: source, maxMetricsMetadata: 20_000 });
  const editable = new Compartment();
  const attributes = new Compartment();
  const walk = new Walk();
  let isOurs = false;

  const replace = (view: EditorView, text: string) => view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text }, selection: { anchor: text.length }, scrollIntoView: true });
  const step = (by: 1 | -1) => (view: EditorView) => {
    const text = walk.step(by, view.state.doc.toString());
    if (text === null) return false;
    isOurs = true;
    replace(view, text);
    isOurs = false;
    return true;
  };
  // Arrows walk through the past only where they have nothing else to do.
  const arrow = (by: 1 | -1) => (view: EditorView) => {
    if (completionStatus(view.state) !== null) return false;
    const { main } = view.state.selection;
    const isFree = walk.isWalking ? main.empty && main.head === view.state.doc.length : view.state.doc.length === 0 && by === 1;
    return isFree && step(by)(view);
  };
  const run = (view: EditorView) => {
    closeCompletion(view);
    walk.stop();
    remember(view.state.doc.toString());
    options.onRun();
    return true;
  };
  const leave = (view: EditorView) => {
    if (completionStatus(view.state) !== null) return closeCompletion(view);
    view.contentDOM.blur();
    return true;
  };
  const readOnlyOf = (readOnly: boolean): Extension => [EditorState.readOnly.of(readOnly), EditorView.editable.of(!readOnly)];
  const attributesOf = (isInvalid: boolean): Extension => EditorView.contentAttributes.of({
    // Escape closes completion or leaves the editor, not the drawer that it stands in.
    "data-mantine-stop-propagation": "true",
    "aria-label": options.label, spellcheck: "false", autocorrect: "off", autocapitalize: "off", enterkeyhint: "go",
    ...(options.readOnly ? { tabindex: "0" } : {}),
    ...(isInvalid ? { "aria-invalid": "true" } : {}), ...(options.describedBy ? { "aria-describedby": options.describedBy } : {}),
  });

  const view = new EditorView({
    parent: options.host,
    state: EditorState.create({
      doc: options.value,
      extensions: [
        EditorView.cspNonce.of(nonce()),
        // Above completion's own Enter: a chosen completion is taken first, by completionKeymap.
        Prec.highest(keymap.of([
          { key: "Mod-Enter", run },
          { key: "Shift-Enter", run: insertNewlineAndIndent },
          { key: "Escape", run: leave },
          { key: "Alt-ArrowUp", run: step(1) },
          { key: "Alt-ArrowDown", run: step(-1) },
          { key: "ArrowUp", run: arrow(1) },
          { key: "ArrowDown", run: arrow(-1) },
        ])),
        autocompletion({ icons: true, maxRenderedOptions: 80 }),
        Prec.high(keymap.of(completionKeymap)),
        keymap.of([{ key: "Enter", run }, { key: "Ctrl-Space", run: startCompletion }, ...closeBracketsKeymap, ...historyKeymap, ...lintKeymap, ...defaultKeymap]),
        history(), overSelection, drawSelection(), bracketMatching(), closeBrackets(), indentOnInput(), EditorView.lineWrapping,
        placeholderOf(options.placeholder),
        promql.asExtension(), ...(options.readOnly ? [] : [check()]), help(), theme,
        editable.of(readOnlyOf(options.readOnly)), attributes.of(attributesOf(false)),
        EditorView.updateListener.of((update) => {
          if (!update.docChanged) return;
          if (!isOurs) walk.stop();
          options.onChange(update.state.doc.toString());
        }),
      ],
    }),
  });
  if (options.focus) {
    view.focus();
    view.dispatch({ selection: { anchor: view.state.doc.length } });
  }
  return {
    setValue: (value) => {
      if (value !== view.state.doc.toString()) replace(view, value);
    },
    setReadOnly: (readOnly) => view.dispatch({ effects: editable.reconfigure(readOnlyOf(readOnly)) }),
    setInvalid: (isInvalid) => view.dispatch({ effects: attributes.reconfigure(attributesOf(isInvalid)) }),
    focus: () => view.focus(),
    destroy: () => {
      view.destroy();
      promql.destroy();
    },
  };
}
