import { Page } from "@/components/Page";

export function Objectives() {
  return <Page title="Objectives"><p>to come</p></Page>;
}
