import { Page } from "@/components/Page";

export function PublicStatus() {
  return <Page title="PublicStatus"><p>to come</p></Page>;
}
