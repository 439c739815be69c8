import { Page } from "@/components/Page";

export function Entity() {
  return <Page title="Entity"><p>to come</p></Page>;
}
