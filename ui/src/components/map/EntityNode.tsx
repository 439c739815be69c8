/** One entity on the map: how it is, its numbers, and why it is not up. */

import { memo } from "react";
import { Link } from "@tanstack/react-router";
import { IconArrowRight, IconTarget } from "@tabler/icons-react";
import { visible } from "@/components/LabelSet";
import { keepTimes } from "@/components/places";
import { Sparkline } from "@/components/Sparkline";
import { Mark } from "@/components/State";
import { formatValue } from "@/lib/units";
import { entityTitle, type MapNode } from "./graph";
import type { NodeSize } from "./layout";
import type { EntityNumber } from "./numbers";
import type { Risk } from "./EntityMap";
import classes from "./EntityNode.module.css";

interface EntityNodeProps {
  node: MapNode;
  size: NodeSize;
  numbers: readonly EntityNumber[] | undefined;
  risk: Risk | undefined;
  isDim: boolean;
  isSelf: boolean;
  /** In a list it is as high as it needs. */
  isListed?: boolean;
  onLook?: (id: string | null) => void;
}

const NAME_LENGTH_MAX = 120;
const cut = (text: string, most = NAME_LENGTH_MAX) => visible(text.length > most ? `${text.slice(0, most)}…` : text);

/** Two digits: there is room for no more, and nobody compares the third. */
const brief = ({ last, unit }: EntityNumber) => formatValue(last === null ? null : Number(last.toPrecision(Math.abs(last) >= 100 ? 3 : 2)), unit);

export const EntityNode = memo(function EntityNode({ node, size, numbers = [], risk, isDim, isSelf, isListed = false, onLook }: EntityNodeProps) {
  const { entity, title, sub, tone } = node;
  const isUp = entity.state === "up";
  const main = numbers.find((one) => one.isHigh) ?? numbers[0];
  // That nothing fails is said by saying nothing.
  const shown = numbers.filter((one) => one.name !== "failed" || (one.last ?? 0) > 0);
  return (
    <Link
      to="/health/entities/$entity"
      params={{ entity: node.id }}
      search={keepTimes}
      className={classes.node}
      data-size={size}
      data-tone={tone}
      data-self={isSelf || undefined}
      aria-current={isSelf ? "page" : undefined}
      data-dim={isDim || undefined}
      data-listed={isListed || undefined}
      onPointerEnter={onLook ? () => onLook(node.id) : undefined}
      onFocus={onLook ? () => onLook(node.id) : undefined}
      onBlur={onLook ? () => onLook(null) : undefined}
    >
      <span className={classes.head}>
        <Mark tone={tone} size={11} />
        <span className={`${classes.title ?? ""} foreign`}>{cut(title)}</span>
        {sub !== "" && <span className={`${classes.sub ?? ""} foreign`}>{cut(sub)}</span>}
        {risk && <span className={classes.risk} data-tone={risk.tone} title={`${risk.objective}: ${risk.words}`}><IconTarget size={13} aria-hidden /><span className={classes.riskWords}>{risk.words}</span></span>}
        {node.explains.length > 0 && <span className={classes.explains}>explains {node.explains.length}</span>}
        {size === "line" && numbers[0] && <span className={classes.lineNumber}>{brief(numbers[0])}</span>}
        <span className={classes.word}>{entity.state}</span>
      </span>
      {size === "full" && (numbers.length > 0 || isUp) && (
        <span className={classes.body}>
          <span className={classes.numbers}>
            {numbers.length === 0 && <span className={classes.none}>{`known from ${entity.sources.join(", ")}`}</span>}
            {shown.map((one) => <span key={one.name} className={classes.number} data-high={one.isHigh || undefined}><span className={classes.numberName}>{one.name}</span> <b>{brief(one)}</b></span>)}
          </span>
          {main && <span className={classes.spark}><Sparkline values={main.values} height={22} tone={main.isHigh ? (tone === "bad" ? "bad" : "warn") : "accent"} /></span>}
        </span>
      )}
      {size === "full" && !isUp && (entity.reason !== "" || node.causes.length > 0) && (
        <span className={classes.reason} title={entity.reason.slice(0, 400)}>
          {node.causes.length > 0 && <span className={classes.cause}><IconArrowRight size={12} aria-hidden />explained by {node.causes.slice(0, 2).map((id) => cut(entityTitle(id).title, 40)).join(", ")}</span>}
          <span className={`${classes.reasonText ?? ""} foreign`}>{cut(entity.reason, 300)}</span>
        </span>
      )}
    </Link>
  );
});
