/** Which values of labels explain a change: how each was before, how it is, and how much of the change is its. */

import type { EvidenceMover } from "@/api/alertmanager";
import { float } from "@/api/alertmanager";
import { visible } from "@/components/LabelSet";
import { formatValue, type Unit } from "@/lib/units";
import classes from "./evidence.module.css";

const VALUES_MAX = 6;

export function Movers({ movers, unitOfOperand }: { movers: readonly EvidenceMover[]; unitOfOperand: (operand: number) => Unit }) {
  const all = [...movers].sort((a, b) => b.score - a.score);
  return (
    <div className={classes.movers}>
      {all.map((mover) => {
        const most = Math.max(...mover.values.map(({ share }) => Math.abs(share)), 0.01);
        const unit = unitOfOperand(mover.operand);
        const words = mover.score >= 0.6 ? "explains it clearly" : mover.score >= 0.3 ? "explains some of it" : "explains little";
        return (
          <section key={`${mover.operand} ${mover.label}`} className={classes.mover}>
            <h4 className={classes.moverTitle}><code className="foreign">{visible(mover.label.slice(0, 80))}</code> <span className="muted">{words}</span></h4>
            <table className={classes.values}>
              <thead className="sr"><tr><th scope="col">Value</th><th scope="col">Its part of the change</th><th scope="col">Before</th><th scope="col">When it fired</th></tr></thead>
              <tbody>
                {mover.values.slice(0, VALUES_MAX).map((one) => {
                  const size = Math.abs(one.share) / most;
                  return (
                    <tr key={one.value} data-lead={(one.share > 0 && size > 0.6) || undefined}>
                      <th scope="row" className="foreign" title={one.value.slice(0, 500)}>{one.value === "" ? <span className="muted">none</span> : visible(one.value.slice(0, 60))}</th>
                      <td className={classes.barCell}><div className={classes.bar} data-negative={one.share < 0 || undefined} style={{ width: `${Math.max(2, size * 100)}%` }} /><span className="sr">{Math.round(one.share * 100)} %</span></td>
                      <td className="nums muted">{formatValue(float(one.before), unit)}</td>
                      <td className="nums"><span className="muted" aria-hidden>→ </span>{formatValue(float(one.now), unit)}</td>
                    </tr>
                  );
                })}
              </tbody>
            </table>
            {mover.values.length + mover.leftOut > VALUES_MAX && <p className="muted">{mover.values.length - Math.min(VALUES_MAX, mover.values.length) + mover.leftOut} more values moved less.</p>}
          </section>
        );
      })}
    </div>
  );
}
