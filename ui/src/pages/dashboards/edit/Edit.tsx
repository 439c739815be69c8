import type { KeptDashboard } from "@/api/dashboards";
export function Edit({ kept }: { kept: KeptDashboard | null }) { return <p>{kept?.version}</p>; }
