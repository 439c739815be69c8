import "./styles/mantine.css";
import "./styles/global.css";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { setNonce } from "get-nonce";
import { RouterProvider } from "@tanstack/react-router";
import { ApiError } from "./api/client";
import { rememberFocus } from "./lib/focus";
import { router } from "./router";
import { SettingsProvider } from "./state/settings";
import { theme, variables } from "./theme";

const client = new QueryClient({
  defaultOptions: {
    queries: {
      // A server that restarts is asked again; what it refuses is not.
      retry: (count, error) => count < 3 && error instanceof ApiError && error.isUnreachable,
      retryDelay: (count) => Math.min(500 * 2 ** count, 4_000),
      refetchOnWindowFocus: false,
      gcTime: 120_000,
    },
  },
});

const nonce = document.querySelector('meta[name="csp-nonce"]')?.getAttribute("content") ?? "";
// Dialogues add a style that keeps the page behind them from scrolling.
setNonce(nonce);
rememberFocus();
const host = document.getElementById("root");
if (!host) throw new Error("the document has no place for the page");
createRoot(host).render(
  <StrictMode>
    <MantineProvider theme={theme} cssVariablesResolver={variables} getStyleNonce={() => nonce} defaultColorScheme="dark">
      <SettingsProvider>
        <QueryClientProvider client={client}>
          <RouterProvider router={router} />
        </QueryClientProvider>
      </SettingsProvider>
    </MantineProvider>
  </StrictMode>,
);
