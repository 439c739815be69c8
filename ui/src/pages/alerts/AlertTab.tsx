import { Page } from "@/components/Page";

export function AlertTab() {
  return <Page title="AlertTab"><p>to come</p></Page>;
}
