// How one dialogue is looked at, and what their suites name alike.
import path from "node:path";
import { axe } from "../browser.mjs";

/**
 * Opens it, looks at it, closes it with Escape. `from`: what is clicked, and has the focus afterwards; null: nothing has.
 * `open`: how it is opened, if by more than a click. `look`: what is done in it. `presses`: of Escape, where a list is open in it.
 */
export function looker(page, scheme, shots) {
  return async (name, from, opened, { open = () => from.click(), presses = 1, look = async () => {}, focus = from } = {}) => {
    const where = `${name} in ${scheme}`;
    try {
      await open();
      await opened.waitFor();
      await look();
      // What still moves has other colours.
      await page.evaluate(() => Promise.all(document.getAnimations().filter((one) => one.effect?.getTiming().iterations !== Infinity).map((one) => one.finished.catch(() => null))));
      if (shots) await page.screenshot({ path: path.join(shots, `${name.replace(/[^A-Za-z0-9]+/g, "-")}-${page.viewportSize().width}-${scheme}.png`) });
      await axe(page, where);
      for (let press = 0; press < presses; press += 1) await page.keyboard.press("Escape");
      await opened.waitFor({ state: "hidden" });
      if (focus === null) return;
      const element = await focus.elementHandle();
      await page.waitForFunction((one) => document.activeElement === one, element).catch(async () => {
        throw new Error(`the focus is not given back, but is on ${await page.evaluate(() => document.activeElement?.outerHTML.slice(0, 200))}`);
      });
    } catch (error) {
      throw new Error(`${where}: ${error.message}`, { cause: error });
    }
  };
}

export const button = (page, name) => page.getByRole("button", { name, exact: typeof name === "string" }).first();
export const menu = (page) => page.getByRole("menu").filter({ visible: true });
export const dialog = (page, name) => (name === undefined ? page.getByRole("dialog") : page.getByRole("dialog", { name }));
export const listbox = (page) => page.getByRole("listbox").filter({ visible: true });
/** A field with a list under it. */
export const field = (where, name) => where.getByRole("combobox", { name, exact: true }).or(where.getByRole("textbox", { name, exact: true })).first();
