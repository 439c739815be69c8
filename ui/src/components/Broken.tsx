/** A page that failed while it was drawn, or whose file could not be fetched. */

import type { ErrorComponentProps } from "@tanstack/react-router";
import { Button } from "@mantine/core";
import { IconBug } from "@tabler/icons-react";
import { Page } from "./Page";
import { Empty, Panel } from "./Panel";

export function Broken({ error, reset }: ErrorComponentProps) {
  const text = error instanceof Error ? error.message : String(error);
  // After an update the files of the old pages are gone: a fresh document names the new ones.
  const isStale = /dynamically imported module|Importing a module script failed/i.test(text);
  return (
    <Page title="This page failed">
      <Panel>
        <Empty title={isStale ? "The server has another version now, or cannot be reached" : "Something in this page is wrong"} icon={<IconBug size={28} />} action={<Button onClick={() => (isStale ? location.reload() : reset())}>{isStale ? "Load it anew" : "Try again"}</Button>}>
          <code className="foreign">{text}</code>
        </Empty>
      </Panel>
    </Page>
  );
}
