/** Pools of workers: how many there shall be, why, who follows, and what it costs. */

import { useMemo, useRef } from "react";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { IconArrowsMaximize } from "@tabler/icons-react";
import { usePageKeys } from "@/components/Keys";
import { Page } from "@/components/Page";
import { Empty, Loaded, Panel } from "@/components/Panel";
import { keepTimes } from "@/components/places";
import { Mark, State } from "@/components/State";
import { cut } from "@/lib/text";
import { Pool } from "./Pool";
import { useScalers } from "./queries";
import { EXAMPLE, isBlind, type Scaler } from "./words";
import classes from "./Scaling.module.css";

/** Those that cannot see first, then by name. */
const arranged = (all: readonly Scaler[]) => [...all].sort((a, b) => Number(isTroubled(b)) - Number(isTroubled(a)) || a.name.localeCompare(b.name, "en", { numeric: true }));
const isTroubled = (one: Scaler) => one.problems.length > 0 || isBlind(one.decided?.reason) || one.decided === null;

export function Scaling() {
  const search = useSearch({ from: "/scaling" });
  const navigate = useNavigate();
  const answer = useScalers();
  const scalers = useMemo(() => arranged(answer.data ?? []), [answer.data]);
  const chosen = search.scaler === undefined ? scalers[0] : scalers.find(({ name }) => name === search.scaler);
  const step = (by: number) => {
    const at = scalers.findIndex(({ name }) => name === chosen?.name);
    const next = scalers[Math.min(scalers.length - 1, Math.max(0, at + by))];
    if (next) void navigate({ to: "/scaling", search: (old) => ({ ...old, scaler: next.name }), replace: true });
  };
  const keep = useRef(step);
  keep.current = step;
  usePageKeys(useMemo(() => [{ key: "j", says: "next pool", run: () => keep.current(1) }, { key: "k", says: "pool before", run: () => keep.current(-1) }], []));

  return (
    <Page
      title="Scaling" lead="How many workers each pool shall have, and why."
      badge={chosen?.dryRun && <State state="dry run" tone="info">Dry run</State>}
      tabs={scalers.length > 1 && (
        <nav className={classes.pools} aria-label="Pools">
          {scalers.map((one) => (
            <Link key={one.name} to="/scaling" search={(old) => ({ ...old, scaler: one.name })} className={`${classes.pool ?? ""} ${one === chosen ? classes.chosen ?? "" : ""}`} aria-current={one === chosen ? "page" : undefined}>
              <Mark tone={isTroubled(one) ? "warn" : "good"} size={10} /><span className="foreign">{cut(one.name, 60)}</span><b>{one.decided?.workers ?? "–"}</b>
            </Link>
          ))}
        </nav>
      )}
    >
      <Loaded answer={answer} height={500} what="The scalers cannot be read">
        {(all) => all.length === 0 ? (
          <Panel>
            <Empty title="Nothing is scaled yet" icon={<IconArrowsMaximize size={30} />}>
              A scaler looks at the signals of a pool and says how many workers it shall have: to KEDA, to Kubernetes, to a webhook, or to a pool of the SDK. Begin with a dry run in <code>bellwether.yml</code>.
              <pre className={classes.yaml}>{EXAMPLE}</pre>
            </Empty>
          </Panel>
        ) : chosen ? <Pool key={chosen.name} scaler={chosen} /> : (
          <Panel><Empty title="There is no such scaler" action={<Link to="/scaling" search={keepTimes}>See those that there are</Link>}>It was taken out of the configuration, or has another name now.</Empty></Panel>
        )}
      </Loaded>
    </Page>
  );
}
