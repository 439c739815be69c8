/** An address at which there is nothing. */

import { Link } from "@tanstack/react-router";
import { IconMapOff } from "@tabler/icons-react";
import { Page } from "./Page";
import { Empty, Panel } from "./Panel";

export function NotFound() {
  return (
    <Page title="Nothing is here">
      <Panel>
        <Empty title="There is no page at this address" icon={<IconMapOff size={28} />} action={<Link to="/">Go to the overview</Link>}>
          <code className="foreign">{location.pathname}</code> is not known. Press <kbd>/</kbd> to find what you look for.
        </Empty>
      </Panel>
    </Page>
  );
}
