import { Page } from "@/components/Page";

export function Forecasts() {
  return <Page title="Forecasts"><p>to come</p></Page>;
}
