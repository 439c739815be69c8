import { Page } from "@/components/Page";

export function Ai() {
  return <Page title="Ai"><p>to come</p></Page>;
}
