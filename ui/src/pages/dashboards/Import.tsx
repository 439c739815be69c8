import { Page } from "@/components/Page";

export function Import() {
  return <Page title="Import"><p>to come</p></Page>;
}
