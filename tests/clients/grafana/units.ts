/** Values in every unit of Grafana, as both sides write them. */

import { formattedValueToString, getValueFormat, getValueFormats } from "@grafana/data";
import { formatUnit } from "@/components/panels/format";
import { plain } from "./compare";

const VALUES = [0, 1, -1, 5, 0.5, 0.0372, 0.00042, 3e-7, 12.345, -12.346, 59.99, 61, 90, 123.456, 999.4, 1000, 1024, 1536, 3725, 90_061, 123_456.789, 7_654_321, 31_536_001, 1.5e9, -3.3e11, 1.2e13];
/** The clock of whoever looks says what these are. */
const OF_NOW = /FromNow|Today|AsLocal|AsSystem/;

export function unitsTold(): { same: number; all: number; found: string[] } {
  const found: string[] = [];
  let [same, all] = [0, 0];
  for (const { submenu } of getValueFormats()) for (const { value: unit } of submenu) for (const value of VALUES) for (const decimals of [undefined, 0, 1, 2]) {
    if (unit === undefined || OF_NOW.test(unit)) continue;
    const [theirs, ours] = [formattedValueToString(getValueFormat(unit)(value, decimals, null, "utc")), formatUnit(value, unit, decimals)];
    all += 1;
    if (plain(theirs) === plain(ours)) same += 1;
    else found.push(`${unit} ${value} ${decimals ?? "-"}: ${theirs} | ${ours}`);
  }
  return { same, all, found };
}
