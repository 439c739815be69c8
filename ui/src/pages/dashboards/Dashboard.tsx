import { Page } from "@/components/Page";

export function Dashboard() {
  return <Page title="Dashboard"><p>to come</p></Page>;
}
