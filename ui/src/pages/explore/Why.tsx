/** The answer is empty: why, and what may have been meant. */

import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Empty, Waiting } from "@/components/Panel";
import { visible } from "@/components/LabelSet";
import { useRange } from "@/state/range";
import { mapSelectors, metricOf, type Node, parse, print, withoutName } from "./promql/ast";
import { type Reason, reasons } from "./why";
import classes from "./Why.module.css";

export function Why({ expr, letter, onTry }: { expr: string; letter: string | null; onTry: (expr: string) => void }) {
  const range = useRange();
  const answer = useQuery({
    queryKey: ["explore", "why", expr, Math.floor(range.fromS / 60), Math.floor(range.toS / 60)],
    queryFn: async ({ signal }) => { const node = await parse(expr); return { node, found: await reasons(node, range.fromS, range.toS, signal) }; },
    placeholderData: (old) => old,
    retry: false,
  });
  const prefix = letter === null ? "" : `Query ${letter}: `;
  if (answer.isPending) return <Waiting height={160} />;
  if (!answer.data) return <Empty title={titled(prefix, "no values")}>The query has no values in this time.</Empty>;
  const { node, found } = answer.data;
  return (
    <div className={classes.list}>
      {found.map((reason, index) => <One key={index} reason={reason} node={node} prefix={prefix} onTry={onTry} wider={() => range.setRange({ from: "now-24h", to: "now" })} />)}
    </div>
  );
}

const titled = (prefix: string, text: string) => (prefix === "" ? text.charAt(0).toUpperCase() + text.slice(1) : prefix + text);

function One({ reason, node, prefix, onTry, wider }: { reason: Reason; node: Node; prefix: string; onTry: (expr: string) => void; wider: () => void }) {
  const offer = (texts: readonly string[], apply: (text: string) => string | null) => {
    const list = texts.flatMap((text) => { const expr = apply(text); return expr === null ? [] : [{ text, expr }]; });
    return list.length === 0 ? undefined : <div className={classes.offers}>{list.map(({ text, expr }) => <Button key={text} className={classes.offer ?? ""} onClick={() => onTry(expr)}><span className="foreign">{visible(text.slice(0, 80))}</span></Button>)}</div>;
  };
  switch (reason.kind) {
    case "metric":
      return <Empty title={titled(prefix, "no metric is named so")} action={offer(reason.near, (name) => print(mapSelectors(node, (one) => (metricOf(one) === reason.name ? { ...one, name, matchers: withoutName(one.matchers) } : one))))}>There is no metric <code className="foreign">{visible(reason.name.slice(0, 120))}</code>.{reason.near.length > 0 && " Was one of these meant?"}</Empty>;
    case "value":
      return (
        <Empty title={titled(prefix, "no series has this")} action={offer(reason.near, (value) => print(mapSelectors(node, (one) => ({ ...one, matchers: one.matchers.map((each) => (each.name === reason.matcher.name && each.value === reason.matcher.value ? { ...each, type: "=" as const, value } : each)) }))))}>
          No series of <code className="foreign">{reason.metric || "any metric"}</code> has <code className="foreign">{visible(`${reason.matcher.name}${reason.matcher.type}"${reason.matcher.value.slice(0, 120)}"`)}</code>.{reason.near.length > 0 && " It has these values:"}
        </Empty>
      );
    case "together":
      return <Empty title={titled(prefix, "no series has all of these labels")}>Each filter of <code className="foreign">{visible(reason.selector.slice(0, 300))}</code> fits some series, but none fits all at once.</Empty>;
    case "time":
      return <Empty title={titled(prefix, "no values in this time")} action={<Button onClick={wider}>Look at the last 24 hours</Button>}><code className="foreign">{visible(reason.selector.slice(0, 300))}</code> has values at other times.</Empty>;
    case "left-out":
      return <Empty title={titled(prefix, "nothing is left")}>The series have values in this time, but the query leaves them all out: by a comparison, or because labels of its two sides do not match.</Empty>;
  }
}
