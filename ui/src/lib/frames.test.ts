import { expect, it } from "vitest";
import { added, cumulated, gaps, spansWhere } from "./frames";

it("sums along times and over series, around what is missing", () => {
  expect(cumulated([null, 1, null, 2])).toEqual([null, 1, 1, 3]);
  expect(added([{ values: [1, null] }, { values: [2, null] }], 2)).toEqual([3, null]);
});
it("finds times without a value after the first one", () => {
  expect(gaps([10, 20, 30, 40, 50], [null, 1, null, null, 1], 10)).toEqual([{ from: 20, to: 40 }]);
  expect(gaps([10, 20, 30], [1, 1, null], 10)).toEqual([]);
});
it("joins times at which something holds", () => {
  expect(spansWhere([10, 20, 30, 40], [1, 1, 0, 1], 10, (value) => value === 1)).toEqual([{ from: 10, to: 30 }, { from: 40, to: 50 }]);
});
