import { type CSSVariablesResolver, createTheme, defaultVariantColorsResolver, type MantineColorsTuple } from "@mantine/core";

const blue: MantineColorsTuple = ["#e4effc", "#c9dffa", "#98c4f7", "#6cb0ff", "#4a97f0", "#2f7fdf", "#1f6fd0", "#1660c2", "#0f4f9f", "#0a3d7c"];
const dark: MantineColorsTuple = ["#e7ebf0", "#a3adbb", "#8f99a8", "#5f6a79", "#394351", "#2b333e", "#1a1f27", "#14181e", "#0d1014", "#090b0e"];

/** Mantine as we want it: small, square, without shadows; its colours are those of global.css. */
export const theme = createTheme({
  primaryColor: "blue",
  primaryShade: { light: 7, dark: 3 },
  autoContrast: true,
  luminanceThreshold: 0.35,
  // Contrast is computed from the light scheme's shade: on the dark scheme's lighter one white could not be read.
  variantColorResolver: (input) => {
    const colors = defaultVariantColorsResolver(input);
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
    Select: { defaultProps: { size: "xs", allowDeselect: false } },
    MultiSelect: { defaultProps: { size: "xs" } },
    Autocomplete: { defaultProps: { size: "xs" } },
    TagsInput: { defaultProps: { size: "xs" } },
    SegmentedControl: { defaultProps: { size: "xs" } },
    Checkbox: { defaultProps: { size: "xs" } },
    Switch: { defaultProps: { size: "xs" } },
    Modal: { defaultProps: { closeButtonProps: { "aria-label": "Close" }, styles: { content: { backgroundColor: "var(--panel)" }, header: { backgroundColor: "var(--panel)" } }, attributes: { header: { role: "none" } }, centered: false, yOffset: "8vh", overlayProps: { backgroundOpacity: 0.5 }, transitionProps: { duration: 120 } } },
    Drawer: { defaultProps: { closeButtonProps: { "aria-label": "Close" }, styles: { content: { backgroundColor: "var(--panel)" }, header: { backgroundColor: "var(--panel)" } }, attributes: { header: { role: "none" } }, overlayProps: { backgroundOpacity: 0.4 }, transitionProps: { duration: 140 } } },
    Tooltip: { defaultProps: { openDelay: 350, withArrow: true, events: { hover: true, focus: true, touch: false } } },
    Menu: { defaultProps: { shadow: "md", transitionProps: { duration: 90 } } },
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
