import { Page } from "@/components/Page";

export function Explore() {
  return <Page title="Explore"><p>to come</p></Page>;
}
