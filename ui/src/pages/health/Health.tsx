import { Page } from "@/components/Page";

export function Health() {
  return <Page title="Health"><p>to come</p></Page>;
}
