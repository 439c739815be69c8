import { Page } from "@/components/Page";

export function Probe() {
  return <Page title="Probe"><p>to come</p></Page>;
}
