/** Says that somebody is on alerts: their repeats stop until they resolve, or until a time. */

import { useState } from "react";
import { Button, Modal, SegmentedControl, TextInput } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { IconUserCheck } from "@tabler/icons-react";
import { acknowledge } from "@/api/alertmanager";
import { Failure } from "@/components/Panel";
import { visible } from "@/components/LabelSet";
import { rememberAuthor, rememberedAuthor } from "./author";
import type { AlertRow } from "./rows";
import classes from "./alerts.module.css";

type Acknowledged = Pick<AlertRow, "fingerprint" | "name">;
interface Props { alerts: readonly Acknowledged[] | null; close: () => void; done?: (() => void) | undefined }

export function AcknowledgeDialog({ alerts, close, done }: Props) {
  return (
    <Modal opened={alerts !== null} onClose={close} size={460} title={alerts && alerts.length > 1 ? `Acknowledge ${alerts.length} alerts` : "Acknowledge the alert"} closeButtonProps={{ "aria-label": "Close" }}>
      {alerts && <Form alerts={alerts} close={close} done={done} />}
    </Modal>
  );
}

const SPANS = [{ value: "", label: "Until it resolves" }, { value: "3600", label: "1 h" }, { value: "14400", label: "4 h" }, { value: "86400", label: "1 d" }];

function Form({ alerts, close, done }: { alerts: readonly Acknowledged[]; close: () => void; done: (() => void) | undefined }) {
  const client = useQueryClient();
  const [by, setBy] = useState(rememberedAuthor);
  const [hadName] = useState(by !== "");
  const [comment, setComment] = useState("");
  const [span, setSpan] = useState("");
  const sending = useMutation({
    mutationFn: () => Promise.all(alerts.map(({ fingerprint }) => acknowledge({ fingerprint, by: by.trim(), ...(comment.trim() === "" ? {} : { comment: comment.trim() }), ...(span === "" ? {} : { until: Math.round(Date.now() / 1000) + Number(span) }) }))),
    onSuccess: () => { rememberAuthor(by); close(); done?.(); },
    onSettled: () => void client.invalidateQueries({ predicate: ({ queryKey }) => queryKey[0] === "now" && ["acknowledgements", "alerts", "timeline"].includes(String(queryKey[1])) }),
  });
  const said = sending.error instanceof Error ? sending.error.message : "";
  const isAboutName = said.startsWith("by ") || said.startsWith("by:");
  return (
    <form className="stack" onSubmit={(event) => { event.preventDefault(); if (by.trim() !== "" && !sending.isPending) sending.mutate(); }}>
      <p className="muted foreign">{alerts.slice(0, 5).map(({ name }) => visible(name.slice(0, 120))).join(", ")}{alerts.length > 5 ? ` and ${alerts.length - 5} more` : ""}. Others see who is on it, and it is not told again.</p>
      <TextInput label="Who" autoComplete="name" required value={by} onChange={(event) => setBy(event.currentTarget.value)} error={isAboutName ? said : null} {...(hadName ? {} : { "data-autofocus": true })} />
      <TextInput label="What is done about it" placeholder="optional" value={comment} onChange={(event) => setComment(event.currentTarget.value)} {...(hadName ? { "data-autofocus": true } : {})} />
      <SegmentedControl aria-label="For how long" fullWidth data={SPANS} value={span} onChange={setSpan} />
      {said !== "" && !isAboutName && <Failure error={sending.error} what="It was not acknowledged" />}
      <div className={classes.foot}>
        <Button onClick={close}>Cancel</Button>
        <Button type="submit" variant="filled" loading={sending.isPending} disabled={by.trim() === ""} leftSection={<IconUserCheck size={15} />}>Acknowledge</Button>
      </div>
    </form>
  );
}
