import { Page } from "@/components/Page";

export function OneAlert() {
  return <Page title="OneAlert"><p>to come</p></Page>;
}
