/** What is compared: what a panel asks, and what a person sees of the answers. Both sides come to this. */

export interface Asked { refId: string; expr: string; step: number; isInstant: boolean; from: number; to: number; legend: string }
export interface SeriesSeen { name: string; text: string; color: string; calcs: string[]; isListed: boolean; style: Record<string, unknown> }
export interface ValueSeen { name: string; text: string; color: string; min?: number | null; max?: number | null }

export interface Seen {
  title: string;
  kind: string;
  queries: Asked[];
  series?: SeriesSeen[];
  legend?: { mode: string; placement: string; order: string[] };
  values?: ValueSeen[];
  empty?: string;
  /** Whether colours of values are not shown. */
  isColorless?: boolean;
  /** How many tables a person can choose of. */
  frames?: number;
  columns?: string[];
  rows?: string[][];
  rowCount?: number;
  colors?: string[][];
}
