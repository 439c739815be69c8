/** Addresses that may be opened: of the web, and of pages here; those of Grafana's dashboards are ours. */

import { safeAddress } from "@/components/alerts/SafeText";

export function addressOf(url: string): string | null {
  const address = url.trim();
  if (address.startsWith("/") && !address.startsWith("//") && !address.startsWith("/\\")) return address.replace(/^\/d\/([^/?]+)(?:\/[^?]*)?/, "/dashboards/$1");
  return safeAddress(address);
}
