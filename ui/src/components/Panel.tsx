/** A framed part of a page with a heading; and the states that its content can be in. */

import { type ReactNode, useId } from "react";
import { Button, Loader } from "@mantine/core";
import { IconAlertTriangle, IconPlugConnectedX } from "@tabler/icons-react";
import { ApiError } from "@/api/client";
import classes from "./Panel.module.css";

interface PanelProps {
  title?: ReactNode;
  /** Beside the heading: what it is about, in few words. */
  hint?: ReactNode;
  /** At the right end: links and buttons. */
  actions?: ReactNode;
  children: ReactNode;
  /** Content up to the frame: tables. */
  flush?: boolean;
  className?: string | undefined;
  /** Warnings and hints of the queries inside. */
  notes?: readonly string[];
  level?: 2 | 3;
}

export function Panel({ title, hint, actions, children, flush = false, className, notes = [], level = 2 }: PanelProps) {
  const id = useId();
  const Heading = level === 2 ? "h2" : "h3";
  return (
    <section className={`${classes.panel ?? ""} ${className ?? ""}`} aria-labelledby={title ? id : undefined}>
      {(title ?? actions) && (
        <header className={classes.header}>
          <div className={classes.titles}>
            {title && <Heading id={id} className={classes.title}>{title}</Heading>}
            {hint && <span className={classes.hint}>{hint}</span>}
          </div>
          {actions && <div className={classes.actions}>{actions}</div>}
        </header>
      )}
      <div className={flush ? classes.flush : classes.body}>
        {children}
        <Notes notes={notes} />
      </div>
    </section>
  );
}

/** Warnings and hints that travel beside results. */
export function Notes({ notes }: { notes: readonly string[] }) {
  if (notes.length === 0) return null;
  return (
    <ul className={classes.notes}>
      {[...new Set(notes)].slice(0, 5).map((note) => (
        <li key={note}><IconAlertTriangle size={13} aria-hidden /> <span className="foreign">{note}</span></li>
      ))}
    </ul>
  );
}

/** Nothing is here: why, and what to do next. */
export function Empty({ title, children, icon, action }: { title: string; children?: ReactNode; icon?: ReactNode; action?: ReactNode }) {
  return (
    <div className={classes.empty}>
      {icon && <div className={classes.emptyIcon} aria-hidden>{icon}</div>}
      <p className={classes.emptyTitle}>{title}</p>
      {children && <div className={classes.emptyText}>{children}</div>}
      {action && <div className={classes.emptyAction}>{action}</div>}
    </div>
  );
}

/** Something went wrong: what the server said, and a way on. */
export function Failure({ error, retry, what }: { error: unknown; retry?: (() => void) | undefined; what?: string | undefined }) {
  const isGone = error instanceof ApiError && error.isUnreachable;
  const text = error instanceof Error ? error.message : String(error);
  return (
    <div className={classes.failure} role="alert">
      <span className={classes.failureIcon} aria-hidden>{isGone ? <IconPlugConnectedX size={18} /> : <IconAlertTriangle size={18} />}</span>
      <div className={classes.failureText}>
        <strong>{what ?? (isGone ? "The server cannot be reached" : "This did not work")}</strong>
        <span className="foreign">{isGone ? "It is asked again by itself; what is shown may be old." : text}</span>
      </div>
      {retry && <Button size="compact-xs" onClick={retry}>Try again</Button>}
    </div>
  );
}

/** Waiting, without a jump of the page: as high as what will come. */
export function Waiting({ height = 120, label = "Loading" }: { height?: number; label?: string }) {
  return <div className={classes.waiting} style={{ minHeight: height }} role="status" aria-label={label}><Loader size="sm" type="dots" color="gray" /></div>;
}

interface Answer<T> { data: T | undefined; error: unknown; isPending: boolean; refetch: () => unknown }

/** The content of an answer, or why there is none yet. An old answer stays while a new one fails, with the failure above it. */
export function Loaded<T>({ answer, children, height, what }: { answer: Answer<T>; children: (data: T) => ReactNode; height?: number; what?: string }) {
  const failure = answer.error ? <Failure error={answer.error} what={what} retry={() => void answer.refetch()} /> : null;
  if (answer.data !== undefined) return <>{failure}{children(answer.data)}</>;
  return failure ?? <Waiting height={height ?? 120} />;
}
