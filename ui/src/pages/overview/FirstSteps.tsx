/** Of a server that has no data yet: how to send some to it. */

import { CopyButton, Button, Tabs } from "@mantine/core";
import { IconCheck, IconCopy } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import { useNowQuery } from "@/api/hooks";
import { flags } from "@/api/prometheus";
import { visible } from "@/components/LabelSet";
import { Panel } from "@/components/Panel";
import classes from "./FirstSteps.module.css";

export function FirstSteps() {
  const here = location.origin;
  const set = useNowQuery(["config", "flags"], flags, { everyMs: 60_000 });
  const file = set.data?.["config.file"];
  // Over HTTP it is read anew only where that is switched on.
  const reload = set.data?.["web.enable-lifecycle"] === "true" ? `curl -X POST ${here}/-/reload` : "kill -HUP $(pidof bellwether)";
  const secure = location.protocol === "https:";
  return (
    <Panel title="First steps" hint="nothing but this server sends data yet">
      <p className={classes.lead}>Point something at this server, or this server at something. What it sends shows up here by itself.</p>
      <Tabs defaultValue="scrape" keepMounted={false}>
        <Tabs.List>
          <Tabs.Tab value="scrape">Scrape a service</Tabs.Tab>
          <Tabs.Tab value="otlp">Send OTLP</Tabs.Tab>
          <Tabs.Tab value="sdk">Use the SDK</Tabs.Tab>
          <Tabs.Tab value="remote">From Prometheus</Tabs.Tab>
          <Tabs.Tab value="demo">Look at the demo</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="scrape">
          <p className={classes.text}>A service that shows <code>/metrics</code> is fetched again and again. Add a job to {file ? <code className="foreign">{visible(file)}</code> : "the configuration"}, then have it read anew with the second command.</p>
          <Code text={'scrape_configs:\n  - job_name: ai-daemon\n    scrape_interval: 15s\n    static_configs:\n      - targets: ["127.0.0.1:8000"]'} />
          <Code text={reload} />
          <p className={classes.text}>Whether it can be reached stands under <Link to="/system/$tab" params={{ tab: "targets" }}>targets</Link>.</p>
        </Tabs.Panel>
        <Tabs.Panel value="otlp">
          <p className={classes.text}>Anything with an exporter of OpenTelemetry pushes its metrics here over HTTP.</p>
          <Code text={`export OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=${here}/api/v1/otlp/v1/metrics\nexport OTEL_EXPORTER_OTLP_METRICS_PROTOCOL=http/protobuf\nexport OTEL_SERVICE_NAME=ai-daemon`} />
        </Tabs.Panel>
        <Tabs.Panel value="sdk">
          <p className={classes.text}>A Rust service with <code>bellwether-sdk</code> counts calls of models, tokens, tools, pools and health checks. It shows them at <code>/metrics</code>, to be scraped, once it is switched on:</p>
          <Code text={"cargo add bellwether-sdk\nexport MONITORING_ENABLED=true"} />
          <Code text={"let settings = Settings::from_env()?;\nlet telemetry = Telemetry::start(&settings)?;"} />
        </Tabs.Panel>
        <Tabs.Panel value="remote">
          <p className={classes.text}>A Prometheus that runs already copies what it has.</p>
          <Code text={`remote_write:\n  - url: ${here}/api/v1/write`} />
        </Tabs.Panel>
        <Tabs.Panel value="demo">
          <p className={classes.text}>An AI daemon with two providers, tools, a queue and faults that come and go, with a day of history.</p>
          <Code text="bellwether demo" />
        </Tabs.Panel>
      </Tabs>
      <p className={classes.foot}>This server is <code>{here}</code>{secure ? "" : " (plain HTTP)"}.</p>
    </Panel>
  );
}

function Code({ text }: { text: string }) {
  return (
    <div className={classes.code}>
      <pre tabIndex={0}>{text}</pre>
      <CopyButton value={text}>{({ copied, copy }) => <Button size="compact-xs" onClick={copy} leftSection={copied ? <IconCheck size={13} /> : <IconCopy size={13} />}>{copied ? "Copied" : "Copy"}</Button>}</CopyButton>
    </div>
  );
}
