import { type CSSVariablesResolver, createTheme, defaultVariantColorsResolver, type MantineColorsTuple } from "@mantine/core";
import { recoverFocus } from "./lib/focus";

const blue: MantineColorsTuple = ["#e4effc", "#c9dffa", "#98c4f7", "#6cb0ff", "#4a97f0", "#2f7fdf", "#1f6fd0", "#1660c2", "#0f4f9f", "#0a3d7c"];
const dark: MantineColorsTuple = ["#e7ebf0", "#a3adbb", "#8f99a8", "#5f6a79", "#394351", "#2b333e", "#1a1f27", "#14181e", "#0d1014", "#090b0e"];

/** The list itself scrolls, not a region inside of it that no key reaches. */
const list = { withScrollArea: false, styles: { options: { maxHeight: 232, overflowY: "auto" } } } as const;

/** Mantine as we want it: small, square, without shadows; its colours are those of global.css. */
export const theme = createTheme({
  primaryColor: "blue",
  primaryShade: { light: 7, dark: 3 },
  autoContrast: true,
  luminanceThreshold: 0.35,
  // Contrast is computed from the light scheme's shade: on the dark scheme's lighter one white could not be read.
  variantColorResolver: (input) => {
    const colors = defaultVariantColorsResolver(input);
    if (input.color === "red" && input.variant === "filled") return { ...colors, background: "var(--bad)", hover: "color-mix(in srgb, var(--bad) 88%, var(--text))", color: "var(--accent-ink)" };
    if (input.color === "red" && input.variant === "light") return { ...colors, background: "var(--bad-soft)", hover: "color-mix(in srgb, var(--bad-soft) 88%, var(--bad))", color: "var(--bad)" };
    return input.variant === "filled" && (input.color === undefined || input.color === input.theme.primaryColor) ? { ...colors, color: "var(--accent-ink)" } : colors;
  },
  colors: { blue, dark },
  fontFamily: "var(--sans)",
  fontFamilyMonospace: "var(--mono)",
  fontSizes: { xs: "12px", sm: "13px", md: "14px", lg: "16px", xl: "20px" },
  defaultRadius: 7,
  cursorType: "pointer",
  focusRing: "auto",
  respectReducedMotion: true,
  headings: { fontWeight: "620" },
  components: {
    Button: { defaultProps: { size: "xs", variant: "default" } },
    ActionIcon: { defaultProps: { variant: "subtle", color: "gray" } },
    TextInput: { defaultProps: { size: "xs" } },
    NumberInput: { defaultProps: { size: "xs" } },
    Textarea: { defaultProps: { size: "xs" } },
    Select: { defaultProps: { size: "xs", allowDeselect: false, ...list } },
    MultiSelect: { defaultProps: { size: "xs", ...list } },
    Autocomplete: { defaultProps: { size: "xs", ...list } },
    TagsInput: { defaultProps: { size: "xs", ...list } },
    SegmentedControl: { defaultProps: { size: "xs" } },
    Checkbox: { defaultProps: { size: "xs" } },
    Switch: { defaultProps: { size: "xs" } },
    Modal: { defaultProps: { onExitTransitionEnd: recoverFocus, closeButtonProps: { "aria-label": "Close" }, styles: { content: { backgroundColor: "var(--panel)" }, header: { backgroundColor: "var(--panel)" } }, attributes: { header: { role: "none" } }, centered: false, yOffset: "8vh", overlayProps: { backgroundOpacity: 0.5 }, transitionProps: { duration: 120 } } },
    Drawer: { defaultProps: { onExitTransitionEnd: recoverFocus, closeButtonProps: { "aria-label": "Close" }, styles: { content: { backgroundColor: "var(--panel)" }, header: { backgroundColor: "var(--panel)" } }, attributes: { header: { role: "none" } }, overlayProps: { backgroundOpacity: 0.4 }, transitionProps: { duration: 140 } } },
    Tooltip: { defaultProps: { openDelay: 350, withArrow: true, events: { hover: true, focus: true, touch: false } } },
    // Its placeholder for the first focus is a focusable child that is no item, which a menu may not have.
    Menu: { defaultProps: { withInitialFocusPlaceholder: false, shadow: "md", styles: { dropdown: { maxHeight: "44vh", overflowY: "auto" } }, transitionProps: { duration: 90 } } },
  },
});

const shared = {
  "--mantine-color-body": "var(--bg)",
  "--mantine-color-text": "var(--text)",
  "--mantine-color-dimmed": "var(--muted)",
  "--mantine-color-placeholder": "var(--faint)",
  "--mantine-color-default": "var(--panel)",
  "--mantine-color-default-hover": "var(--panel-2)",
  "--mantine-color-default-color": "var(--text)",
  "--mantine-color-default-border": "var(--line-strong)",
  "--mantine-color-anchor": "var(--accent)",
  "--mantine-color-error": "var(--bad)",
};

export const variables: CSSVariablesResolver = () => ({ variables: {}, light: shared, dark: shared });
