/** How the editor looks: all colours are the page's variables, so that both schemes are one theme. */

import { HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { EditorView } from "@codemirror/view";
import { tags } from "@lezer/highlight";

const look = EditorView.theme({
  "&": { color: "var(--text)", background: "transparent", fontSize: "13px" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "21px", overflow: "auto" },
  ".cm-content": { padding: "7px 0", caretColor: "var(--accent)", fontVariantLigatures: "none" },
  ".cm-line": { padding: "0 12px" },
  ".cm-cursor, .cm-dropCursor": { borderLeftColor: "var(--accent)", borderLeftWidth: "2px" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": { background: "var(--selection)" },
  ".cm-content ::selection": { background: "var(--selection)" },
  ".cm-placeholder": { color: "var(--faint)" },
  ".cm-matchingBracket, &.cm-focused .cm-matchingBracket": { background: "var(--selection)", outline: "none", borderRadius: "2px" },
  "&.cm-focused .cm-nonmatchingBracket": { background: "var(--bad-soft)", color: "var(--bad)" },
  ".cm-lintRange-error": { backgroundImage: "none", textDecoration: "underline wavy var(--bad)", textDecorationSkipInk: "none", textUnderlineOffset: "4px", background: "var(--bad-soft)", borderRadius: "2px" },
  ".cm-lintPoint::after": { borderBottomColor: "var(--bad)" },
  ".cm-tooltip": { background: "var(--panel-2)", border: "1px solid var(--line-strong)", borderRadius: "8px", boxShadow: "0 8px 30px rgb(0 0 0 / 24%)", color: "var(--text)", zIndex: "300", overflow: "hidden" },
  ".cm-tooltip-lint, .cm-tooltip-hover": { fontSize: "12.5px", maxWidth: "min(520px, 90vw)" },
  ".cm-diagnostic": { padding: "7px 12px", borderLeft: "3px solid var(--bad)", fontFamily: "var(--sans)", overflowWrap: "anywhere" },
  ".cm-tooltip.cm-tooltip-autocomplete": { fontFamily: "var(--mono)", overflow: "visible" },
  ".cm-tooltip .cm-tooltip-section:not(:first-child)": { borderTop: "1px solid var(--line-strong)" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul": { fontFamily: "var(--mono)", fontSize: "12.5px", maxHeight: "280px", minWidth: "min(280px, 80vw)", maxWidth: "min(640px, 92vw)" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li": { padding: "3px 12px 3px 8px", lineHeight: "20px", display: "flex", alignItems: "center", gap: "8px" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li[aria-selected]": { background: "var(--accent-soft)", color: "var(--text)" },
  ".cm-completionLabel": { overflow: "hidden", textOverflow: "ellipsis", flex: "1 1 auto" },
  ".cm-completionMatchedText": { textDecoration: "none", color: "var(--accent)", fontWeight: "640" },
  ".cm-completionDetail": { marginLeft: "auto", paddingLeft: "16px", fontStyle: "normal", fontFamily: "var(--sans)", color: "var(--muted)", fontSize: "11.5px" },
  ".cm-completionIcon": { opacity: "1", color: "var(--faint)", width: "14px", padding: "0", fontSize: "11px", fontFamily: "var(--sans)", textAlign: "center" },
  ".cm-completionIcon::after": { content: "'·'" },
  ".cm-completionIcon-function::after": { content: "'ƒ'" },
  ".cm-completionIcon-keyword::after": { content: "'k'" },
  ".cm-completionIcon-constant::after": { content: "'m'" },
  ".cm-completionIcon-text::after": { content: "'a'" },
  ".cm-tooltip.cm-completionInfo": { fontFamily: "var(--sans)", fontSize: "12.5px", lineHeight: "18px", padding: "8px 12px", maxWidth: "340px", margin: "0 4px", whiteSpace: "pre-wrap", overflowWrap: "anywhere" },
  ".query-help": { padding: "8px 12px", fontFamily: "var(--sans)", lineHeight: "18px", overflowWrap: "anywhere" },
  ".query-help b": { fontFamily: "var(--mono)", fontWeight: "600" },
  ".query-help i": { fontStyle: "normal", color: "var(--muted)", marginLeft: "8px", fontSize: "11.5px" },
  ".query-help p": { color: "var(--muted)", margin: "2px 0 0" },
});

const words = HighlightStyle.define([
  { tag: [tags.keyword, tags.operatorKeyword, tags.modifier], color: "var(--syntax-keyword, var(--accent))" },
  { tag: tags.function(tags.variableName), color: "var(--accent)" },
  { tag: [tags.string, tags.special(tags.string)], color: "var(--good)" },
  { tag: [tags.number, tags.float, tags.integer], color: "var(--brass)" },
  { tag: tags.labelName, color: "var(--info)" },
  { tag: tags.comment, color: "var(--faint)", fontStyle: "italic" },
  { tag: [tags.operator, tags.paren, tags.brace, tags.squareBracket, tags.separator], color: "var(--muted)" },
  { tag: tags.invalid, color: "var(--bad)" },
]);

export const theme = [look, syntaxHighlighting(words)];
