import { Page } from "@/components/Page";

export function Scaling() {
  return <Page title="Scaling"><p>to come</p></Page>;
}
