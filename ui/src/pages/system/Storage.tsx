/** What is stored: blocks on a line of time, head, disk, memory, and how much comes in. */

import { useMemo } from "react";
import { useNowQuery } from "@/api/hooks";
import { flags, runtimeInfo } from "@/api/prometheus";
import { blocks, serverStatus, walReplay } from "@/api/system";
import { TimeChart } from "@/components/ai/TimeChart";
import { type Column, DataTable } from "@/components/DataTable";
import { Empty, Loaded, Panel } from "@/components/Panel";
import { Meter } from "@/components/Meter";
import { When } from "@/components/When";
import { spokenDuration } from "@/lib/duration";
import { formatValue } from "@/lib/units";
import type { Block } from "@/api/system";
import { useTimeFormat } from "@/state/settings";
import { BlockLine } from "./BlockLine";
import { Facts } from "./Facts";

export function Storage() {
  const status = useNowQuery(["status", "server"], serverStatus);
  const stored = useNowQuery(["status", "blocks"], blocks, { everyMs: 30_000 });
  const replay = useNowQuery(["status", "walreplay"], walReplay, { everyMs: 30_000 });
  const runtime = useNowQuery(["status", "runtime"], runtimeInfo, { everyMs: 60_000 });
  const set = useNowQuery(["config", "flags"], flags, { everyMs: 300_000 });
  const storage = status.data?.storage;
  const isReplaying = replay.data !== undefined && replay.data.max > 0 && replay.data.current < replay.data.max;
  return (
    <>
      <Loaded answer={status} height={96} what="The storage could not be asked">
        {() => storage
          ? (
            <Facts facts={[
              ["Series in the head", formatValue(storage.headSeries, "count"), `${formatValue(storage.headChunks, "count")} chunks`],
              ["Blocks", String(storage.blocks), <>since <When ms={oldest(stored.data, storage.headMinTime * 1000)} /></>],
              ["On disk", formatValue(storage.diskBytes, "bytes"), ""],
              ["Memory of the head", formatValue(storage.memoryBytes, "bytes"), storage.memoryLimitBytes > 0 ? <Meter share={storage.memoryBytes / storage.memoryLimitBytes} tone={storage.memoryBytes > 0.85 * storage.memoryLimitBytes ? "bad" : "good"} label="Of the limit of memory" /> : "no limit is set"],
              ["Kept for", String(runtime.data?.["storageRetention"] ?? "–"), set.data?.["storage.tsdb.retention.size"] ? `at most ${set.data["storage.tsdb.retention.size"]}` : "no limit of size"],
              ["Write-ahead log", isReplaying ? `${replay.data.current} of ${replay.data.max}` : "read", isReplaying ? "it is read after the start" : "nothing to be read"],
            ]} />
          )
          : <Panel><Empty title="This server stores nothing itself">Its storage is elsewhere.</Empty></Panel>}
      </Loaded>
      <Loaded answer={stored} height={200} what="The blocks could not be told">
        {(all) => (
          <Panel title="Blocks" hint="what is on disk, on a line of time; deeper colour is more samples an hour">
            {all.length === 0 && !storage ? <Empty title="There are no blocks yet">The first one is written when the head is full.</Empty> : <BlockLine blocks={all} head={storage ? { minTime: storage.headMinTime * 1000, maxTime: storage.headMaxTime * 1000, series: storage.headSeries } : null} />}
            {all.length > 0 && <BlockTable blocks={all} />}
          </Panel>
        )}
      </Loaded>
      <div className="grid">
        <TimeChart title="Samples that come in" hint="a second" query="rate(bellwether_tsdb_samples_total[5m]) or rate(prometheus_tsdb_head_samples_appended_total[5m])" unit="per-second" />
        <TimeChart title="Samples of scrapes by job" hint="of one round" query="sum by (job) (scrape_samples_post_metric_relabeling)" unit="count" stacked />
        <TimeChart title="On disk" query="bellwether_storage_disk_bytes" unit="bytes" />
        <TimeChart title="Memory of the head" query="bellwether_storage_memory_bytes" unit="bytes" />
        <TimeChart title="Written to the log" hint="a second" query="rate(bellwether_tsdb_log_written_bytes_total[5m])" unit="bytes/s" />
        <TimeChart title="Samples that were not taken" hint="a second" query={'rate(bellwether_tsdb_samples_rejected_total[5m]) or rate(bellwether_tsdb_samples_limited_total[5m])'} unit="per-second" />
      </div>
    </>
  );
}

const oldest = (all: readonly Block[] | undefined, headMs: number) => Math.min(headMs, ...(all ?? []).map(({ minTime }) => minTime));

function BlockTable({ blocks: all }: { blocks: readonly Block[] }) {
  const format = useTimeFormat();
  const columns = useMemo((): Column<Block>[] => {
    const count = (id: string, title: string, of: (block: Block) => number | undefined): Column<Block> => ({ id, title, align: "right", width: "minmax(84px, 1fr)", sort: of, cell: (block) => formatValue(of(block), "count") });
    return [
      { id: "from", title: "From", width: "minmax(150px, 1.4fr)", sort: (block) => block.minTime, cell: (block) => format.full(block.minTime) },
      { id: "span", title: "Spans", align: "right", width: "minmax(90px, 1fr)", sort: (block) => block.maxTime - block.minTime, cell: (block) => spokenDuration((block.maxTime - block.minTime) / 1000) },
      count("samples", "Samples", (block) => block.stats.numSamples),
      count("series", "Series", (block) => block.stats.numSeries),
      count("chunks", "Chunks", (block) => block.stats.numChunks),
      ...(all.some(({ stats }) => stats.numBytes !== undefined) ? [{ id: "bytes", title: "Size", align: "right" as const, width: "minmax(84px, 1fr)", sort: (block: Block) => block.stats.numBytes, cell: (block: Block) => formatValue(block.stats.numBytes, "bytes") }] : []),
      { id: "level", title: "Merged", align: "right", width: "80px", sort: (block) => block.compaction?.level, cell: (block) => `${Math.max(0, (block.compaction?.level ?? 1) - 1)} times` },
      { id: "ulid", title: "Name", width: "minmax(230px, 1.4fr)", cell: (block) => <code className="muted">{block.ulid}</code> },
    ];
  }, [all, format]);
  return <DataTable label="Blocks" rows={all} columns={columns} rowKey={(block) => block.ulid} sorted={{ by: "from", down: true }} />;
}
