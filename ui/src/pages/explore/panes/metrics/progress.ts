/** How far questions are that still run: kept beside the answers, as they change much more often. */

import { useSyncExternalStore } from "react";

interface Progress { began: number; bytes: number }

const all = new Map<string, Progress>();
const listeners = new Set<() => void>();

function changed(): void {
  for (const listener of listeners) listener();
}

export const progress = {
  begin(key: string): void { all.set(key, { began: Date.now(), bytes: 0 }); changed(); },
  received(key: string, bytes: number): void {
    const old = all.get(key);
    if (!old) return;
    all.set(key, { ...old, bytes });
    changed();
  },
  end(key: string): void { all.delete(key); changed(); },
};

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

export function useProgress(key: string): Progress | undefined {
  return useSyncExternalStore(subscribe, () => all.get(key));
}
