/** All alerts that are now, kept up to date. */

import { useMemo } from "react";
import { amAlerts, silences } from "@/api/alertmanager";
import { useEntities } from "@/api/entities";
import { useNowQuery } from "@/api/hooks";
import { get } from "@/api/own";
import { rules } from "@/api/prometheus";
import { type AlertRow, alertRows } from "./rows";

export interface AlertsAnswer { data: AlertRow[] | undefined; error: unknown; isPending: boolean; refetch: () => void; ruleCount: number }

export const useRules = () => useNowQuery(["rules"], rules);
export const useSilences = () => useNowQuery(["silences"], silences);

export function useAlerts(): AlertsAnswer {
  const alerts = useNowQuery(["alerts", "all"], amAlerts);
  const groups = useRules();
  const acknowledgements = useNowQuery(["acknowledgements"], (signal) => get("/api/bellwether/v1/acknowledgements", { signal }));
  const entities = useEntities();
  // Without entities or acknowledgements there are still alerts.
  const isReady = alerts.data !== undefined && (groups.data !== undefined || groups.isError);
  const data = useMemo(
    () => (isReady ? alertRows(alerts.data, groups.data ?? [], acknowledgements.data?.acknowledgements ?? [], entities.data ?? []) : undefined),
    [isReady, alerts.data, groups.data, acknowledgements.data, entities.data],
  );
  const ruleCount = useMemo(() => (groups.data ?? []).reduce((count, group) => count + group.rules.filter(({ type }) => type === "alerting").length, 0), [groups.data]);
  return {
    data, ruleCount,
    error: alerts.error ?? groups.error,
    isPending: data === undefined,
    refetch: () => { void alerts.refetch(); void groups.refetch(); void acknowledgements.refetch(); },
  };
}
