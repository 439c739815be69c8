/** Nothing was asked yet: what this server can be asked, and all its metrics to look through. */

import { memo, useDeferredValue, useEffect, useMemo, useRef, useState } from "react";
import { Button, SegmentedControl, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { IconGridDots, IconSearch, IconTable, IconChartLine } from "@tabler/icons-react";
import { bigRange } from "@/api/frames";
import { stepFor } from "@/api/prometheus";
import { Empty, Loaded, Panel } from "@/components/Panel";
import { allMetadata, allMetricNames } from "@/components/query/names";
import { keepTimes } from "@/components/places";
import { Sparkline } from "@/components/Sparkline";
import { score } from "@/lib/find";
import { formatValue, unitOf } from "@/lib/units";
import { useRange } from "@/state/range";
import { type Example, examples, families, type Family, type FamilyGroup, groupFamilies, questionOf } from "./families";
import classes from "./Landing.module.css";

const SHOWN_OF_GROUP = 6;
const TYPES = ["all", "counter", "gauge", "histogram"] as const;

export function Landing() {
  const answer = useQuery({
    queryKey: ["explore", "families"],
    queryFn: async () => {
      const [names, all] = await Promise.all([allMetricNames(), allMetadata()]);
      const list = families(names, all);
      return { list, examples: examples(new Set(names), list) };
    },
    staleTime: 60_000,
  });
  return (
    <Loaded answer={answer} height={400} what="The names of metrics could not be read">
      {({ list, examples: some }) => list.length === 0
        ? <Panel><Empty title="There are no metrics yet" action={<Button component={Link} to="/system/targets" variant="default">Look at the targets</Button>}>Nothing was scraped or received so far. Targets say why.</Empty></Panel>
        : <><Examples list={some} /><Browser list={list} /></>}
    </Loaded>
  );
}

function Examples({ list }: { list: readonly Example[] }) {
  if (list.length === 0) return null;
  return (
    <Panel title="Begin with a question">
      <ul className={classes.examples}>
        {list.map((one) => (
          <li key={one.title}>
            <Link className={classes.example} to="/explore" search={(old) => ({ ...keepTimes(old), q: [{ expr: one.expr }], ...(one.view ? { view: one.view } : {}) })}>
              <span className={classes.exampleIcon} aria-hidden>{one.view === "heat" ? <IconGridDots size={16} /> : one.view === "table" ? <IconTable size={16} /> : <IconChartLine size={16} />}</span>
              <span className={classes.exampleText}><span className={classes.exampleTitle}>{one.title}</span><code className="ellipsis">{one.expr}</code></span>
            </Link>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

function Browser({ list }: { list: readonly Family[] }) {
  const [typed, setTyped] = useState("");
  const [type, setType] = useState<string>("all");
  const wanted = useDeferredValue(typed.trim());
  const groups = useMemo((): FamilyGroup[] => {
    const ofType = type === "all" ? list : list.filter((one) => one.type === type);
    if (wanted === "") return groupFamilies(ofType);
    const rated = ofType.flatMap((one) => {
      const points = Math.max(score(wanted, one.name), one.help.toLowerCase().includes(wanted.toLowerCase()) ? 40 : 0);
      return points > 8 ? [{ one, points }] : [];
    });
    return [{ prefix: "", families: rated.sort((a, b) => b.points - a.points).slice(0, 60).map(({ one }) => one) }];
  }, [list, type, wanted]);
  const count = groups.reduce((sum, group) => sum + group.families.length, 0);
  return (
    <Panel title="Metrics" hint={`${count.toLocaleString("en")} of ${list.length.toLocaleString("en")}`}>
      <div className={classes.filters}>
        <TextInput className={classes.search ?? ""} aria-label="Find a metric" placeholder="Find by name, or by what it says" leftSection={<IconSearch size={14} />} value={typed} onChange={(event) => setTyped(event.currentTarget.value)} />
        <SegmentedControl aria-label="Type" value={type} onChange={setType} data={TYPES.map((one) => ({ value: one, label: one === "all" ? "All" : `${one.charAt(0).toUpperCase()}${one.slice(1)}s` }))} />
      </div>
      {count === 0 && <Empty title="No metric is named or described so">Fewer letters find more; the words may stand in any order.</Empty>}
      {groups.map((group) => <Group key={group.prefix} group={group} isWhole={wanted !== ""} />)}
    </Panel>
  );
}

function Group({ group, isWhole }: { group: FamilyGroup; isWhole: boolean }) {
  const [isOpen, setOpen] = useState(false);
  if (group.families.length === 0) return null;
  const shown = isOpen || isWhole ? group.families : group.families.slice(0, SHOWN_OF_GROUP);
  return (
    <section className={classes.group} aria-label={group.prefix || (isWhole ? "Found" : "Others")}>
      {!isWhole && <h3 className={classes.prefix}><span className="foreign">{group.prefix === "" ? "others" : `${group.prefix}_`}</span> <span className="faint">{group.families.length}</span></h3>}
      <ul className={classes.cards}>{shown.map((one) => <Card key={one.name} one={one} prefix={isWhole ? "" : group.prefix} />)}</ul>
      {group.families.length > shown.length && <Button size="compact-sm" className={classes.all ?? ""} onClick={() => setOpen(true)}>All {group.families.length} of {group.prefix === "" ? "the others" : `${group.prefix}_`}</Button>}
    </section>
  );
}

const Card = memo(function Card({ one, prefix }: { one: Family; prefix: string }) {
  const host = useRef<HTMLLIElement>(null);
  const [isSeen, setSeen] = useState(false);
  useEffect(() => {
    const element = host.current;
    if (!element) return undefined;
    // The line is asked for when the card is looked at.
    const observer = new IntersectionObserver(([entry]) => {
      if (!entry?.isIntersecting) return;
      setSeen(true);
      observer.disconnect();
    }, { rootMargin: "80px" });
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  const { open, line } = questionOf(one);
  const rest = prefix !== "" && one.name.startsWith(`${prefix}_`) ? one.name.slice(prefix.length + 1) : one.name;
  return (
    <li ref={host}>
      <Link className={classes.card} to="/explore" search={(old) => ({ ...keepTimes(old), q: [{ expr: open }] })}>
        <span className={classes.cardHead}><span className={`${classes.cardName ?? ""} foreign`} title={one.name.slice(0, 300)}>{rest}</span><span className={classes.type}>{one.type === "unknown" ? "" : one.type}</span></span>
        <span className={`${classes.help ?? ""} foreign`}>{one.help.slice(0, 160) || " "}</span>
        <span className={classes.line}>{isSeen && <Line expr={line} />}</span>
      </Link>
    </li>
  );
});

function Line({ expr }: { expr: string }) {
  const { fromS, toS } = useRange();
  const step = stepFor(fromS, toS, 60, 15);
  const from = Math.floor(fromS / step) * step;
  const to = Math.floor(toS / step) * step;
  const answer = useQuery({ queryKey: ["explore", "line", expr, from, to, step], queryFn: ({ signal }) => bigRange(expr, from, to, step, { signal }), staleTime: 60_000, placeholderData: (old) => old, structuralSharing: false });
  const values = answer.data?.series[0]?.values;
  if (!values) return <span className={classes.nothing}>{answer.data || answer.error ? "no values in this time" : ""}</span>;
  return <><span className={classes.spark}><Sparkline values={values} height={30} /></span><span className={classes.now}>{formatValue(values.findLast((value) => value !== null), unitOf(expr))}</span></>;
}
