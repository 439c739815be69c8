import { Page } from "@/components/Page";

export function Objective() {
  return <Page title="Objective"><p>to come</p></Page>;
}
