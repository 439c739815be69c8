import { Page } from "@/components/Page";

export function Dashboards() {
  return <Page title="Dashboards"><p>to come</p></Page>;
}
